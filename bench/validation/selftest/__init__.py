"""Injects known faults and compares what the swarm measures with what the faults must cause."""
