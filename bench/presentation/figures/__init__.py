"""The figures in README and docs: tables and sentences that are written from stored results."""
