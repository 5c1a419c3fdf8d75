"""Tables, charts, reports and wording."""
