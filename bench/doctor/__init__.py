"""What about this machine would spoil the figures, and how to mend it."""
