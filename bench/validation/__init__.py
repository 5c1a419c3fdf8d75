"""Proof that the tool is right: self-test, cross-check, simulation."""
