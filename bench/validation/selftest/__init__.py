"""Injects known faults and compares what the swarm measures with what they must cause."""
