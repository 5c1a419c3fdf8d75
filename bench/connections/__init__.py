"""The cost of idle connections to a server."""
