"""What to look at in each chart, in the order in which they are best read."""

from __future__ import annotations

CAPTIONS = {
    "latency_by_users": "Look where a line crosses the objective: up to there the strategy holds it.",
    "ratio_to_direct": "Look which intervals stay clear of 1: only those differences are more than noise.",
    "percentile_spectrum": "Look how far a line climbs on the right: so long the unlucky wait, whatever the median.",
    "delivered_vs_offered": "Look where a line leaves the diagonal: from there on less arrives than was asked for.",
    "latency_heat_map": "Look along the rows: one that darkens to the right is a backlog, a dark column a disturbance.",
    "latency_by_position": "Look how steep a line is: so much longer wait those who joined last.",
    "run_health": "Look for lines near a dashed limit: there the server or the swarm was at its end.",
}
