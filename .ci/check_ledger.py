"""Fails unless every cell of a summary was measured and its ledger is exact: `check_ledger.py SUMMARY.json`.

How fast this machine was is not judged.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

summary = json.loads(Path(sys.argv[1]).read_text())
cells = summary["cells"]
planned = {
    (arm["label"], users, block + 1)
    for arm in summary["plan"]["arms"]
    for users in summary["plan"]["workload"]["users"]
    for block in range(summary["plan"]["blocks"])
}
measured = {(cell["strategy"], cell["users"], cell["block"]) for cell in cells}
wrong = [f"not measured: {cell}" for cell in sorted(planned - measured)]
for cell in cells:
    workload = summary["plan"]["workload"]
    messages = workload["room_rate"] * workload["duration_s"]
    exact = {
        "planned_messages": messages,
        "offered_messages": messages,
        "expected": messages * cell["users"],
        "delivered": messages * cell["users"],
        "missing": 0,
        "duplicates": 0,
        "reordered": 0,
    }
    wrong += [
        f"{cell['strategy']}, {cell['users']} users: {name} is {cell[name]}, not {value:g}"
        for name, value in exact.items()
        if cell[name] != value
    ]
sys.exit("\n".join(wrong) or None)
