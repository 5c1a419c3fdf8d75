"""The exact account of every delivery: records, judgement, result."""
