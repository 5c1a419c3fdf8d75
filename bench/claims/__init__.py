"""The campaigns behind the documentation's figures: which there are, what they found, and whether it holds."""
