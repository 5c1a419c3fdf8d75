"""Situations that a chat server gets into, as data: how each strategy comes through them."""
