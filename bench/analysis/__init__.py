"""From raw runs to cells, their validity, SLOs and comparisons."""
