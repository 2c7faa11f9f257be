"""Print the lead of one model over every other, from the comparisons that `unheard evaluate --json FILE` writes.

    python bench/leads.py FILE.comparisons.json [--model blend] [--candidates cold]

Paired differences of the task `recommend`, 95 % intervals over playlists. p is corrected (Holm) over the lines of this
table; `evaluate` corrects over all pairs of models.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from unheard.metrics.intervals import holm

METRICS = ("recall", "ndcg")


def leads(comparisons: list[dict[str, Any]], model: str, candidates: str) -> list[list[str]]:
    """Return one line per rival, smallest lead first: its name, and lead and p for each metric."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in comparisons:
        if entry["task"] != "recommend" or entry["candidates"] != candidates or entry["metric"] not in METRICS:
            continue
        if model not in (entry["model"], entry["against"]):
            continue
        own = entry["model"] == model
        sign = 1 if own else -1
        ends = sorted((sign * entry["low"], sign * entry["high"]))
        lead = {**entry, "difference": sign * entry["difference"], "low": ends[0], "high": ends[1]}
        found.setdefault(entry["against"] if own else entry["model"], {})[entry["metric"]] = lead
    for metric in METRICS:
        corrected = holm([lead[metric]["p"] for lead in found.values()])
        for lead, p in zip(found.values(), corrected, strict=True):
            lead[metric]["p_holm"] = p
    ordered = sorted(found.items(), key=lambda item: item[1][METRICS[0]]["difference"])
    return [[rival, *(cell for metric in METRICS for cell in _cells(lead[metric]))] for rival, lead in ordered]


def _cells(lead: dict[str, Any]) -> list[str]:
    return [f"{lead['difference']:+.3f} [{lead['low']:+.3f}, {lead['high']:+.3f}]", f"{lead['p_holm']:.3f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="blend")
    parser.add_argument("--candidates", default="cold")
    options = parser.parse_args()
    print(f"| lead of {options.model} over | recall@20 | p (Holm) | nDCG@20 | p (Holm) |\n|---|---:|---:|---:|---:|")
    for line in leads(json.loads(options.file.read_text(encoding="utf-8")), options.model, options.candidates):
        print(f"| {' | '.join(line)} |")


if __name__ == "__main__":
    main()
