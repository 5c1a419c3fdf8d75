"""Runs a plan: server and swarm processes, trials, campaigns."""
