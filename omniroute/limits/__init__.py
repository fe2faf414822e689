"""Limits of client keys and quotas of connections, as values: what counts against which window, and when there is room again."""
