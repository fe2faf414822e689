"""The `/v1` blueprint."""
