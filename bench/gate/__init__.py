"""The gate: may a change land? Stored campaigns are held against objectives, and against an earlier campaign."""
