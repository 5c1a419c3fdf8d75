"""Compares broadcast strategies: plans, runs, stores, judges and draws."""
