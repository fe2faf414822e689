"""The project's scripted upstream. Tests use `client.Upstream` and `relay.Relay`, through the fixtures in fixtures.py."""
