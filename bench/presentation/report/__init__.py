"""From the results in a folder to one self-contained page."""
