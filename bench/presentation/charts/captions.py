"""What to look at in each chart, in the order in which they are best read."""

from __future__ import annotations

CAPTIONS = {
    "latency_by_users": "Look where a line crosses the SLO: up to that user count the strategy is within it.",
    "latency_by_variant": "Look at the panel with your user count: the servers are in the order of the largest room.",
    "ratio_to_direct": "Look at what is solid: only those differences are verdicts, faster or slower by more than 5 %.",
    "percentile_spectrum": "Look how far a line climbs on the right: that is the tail, as far as a window can tell.",
    "delivered_vs_offered": "Look where a line leaves the diagonal: from there on less is delivered than offered.",
    "latency_heat_map": "Look along the rows: one that darkens to the right is a backlog, a dark column a disturbance.",
    "latency_by_position": "Look how high a line ends: that is how long the members wait who joined last.",
    "run_health": "Look for lines near a dashed limit: there the server or the swarm was saturated.",
}
