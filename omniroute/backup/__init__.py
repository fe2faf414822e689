"""The whole configuration as one document: out of a gateway, and into the same or another one."""
