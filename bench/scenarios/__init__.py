"""Scenarios: situations of a chat server as TOML files, and how each strategy copes with them."""
