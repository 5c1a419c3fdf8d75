"""A Locust swarm of chat users that times every delivery at every receiver."""
