"""Tables, charts, reports and wording: everything that people read."""
