"""Leads the swarm through its steps."""
