"""Charts, one question a chart."""
