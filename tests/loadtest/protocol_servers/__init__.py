"""Small chat servers that speak protocols of their own; each is run as a module and given its port."""
