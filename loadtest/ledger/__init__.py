"""What became of every delivery."""
