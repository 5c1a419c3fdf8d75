"""What charts are made of: their look, axes, lines, notes, origin and files."""
