"""Combos and aliases: the user's own names for models, and the verbs that change them."""
