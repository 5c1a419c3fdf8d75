"""What connections that carry no messages cost a server."""
