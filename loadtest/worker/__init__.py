"""One process's share of the swarm."""
