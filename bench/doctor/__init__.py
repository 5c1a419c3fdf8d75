"""Checks for what would make figures from this machine invalid, each with its remedy."""
