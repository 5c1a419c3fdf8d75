"""One module a subcommand, and what they share."""
