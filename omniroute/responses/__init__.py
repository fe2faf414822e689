"""Responses that are kept because a client asked for it (`store`)."""
