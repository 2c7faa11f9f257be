"""Chapter: what every model recommends beside the same track."""

from __future__ import annotations

from unheard.recommend.build import ORACLE
from unheard.report.blocks import Block, Lists, Missing, Section, Text
from unheard.report.report_data import Collected


def playlists(found: Collected) -> Section:
    """Lists side by side, per seed track."""
    blocks: list[Block] = []
    if not found.seeds:
        blocks.append(Missing("No test track is in a playlist, so there is no seed; name one with `--seed-track ID`."))
    elif not found.models:
        blocks.append(Missing(f"No model has been trained yet. `unheard train -w {found.workspace.root}` does it."))
    if found.seeds:
        oracle = "" if _has_oracle(found) else " The true factors are missing: run `unheard factors` once more."
        blocks.append(
            Text(
                "What stands next to a track, model by model, as `unheard similar TRACK --candidates all` ranks it, at "
                "most two tracks by one artist. “True factors” are what all playlists together say, the track's own "
                "plays included: the list to reach. A model has only heard a cold track. ✓ marks tracks that are in "
                "the true list too, “cold” tracks whose plays no model has seen. Players play files of this computer: "
                "nothing is read before you press one, and on another computer they stay silent." + oracle
            )
        )
        blocks += [Lists(side_by_side) for side_by_side in found.seeds]
    return Section("playlists", "Playlists side by side", tuple(blocks))


def _has_oracle(found: Collected) -> bool:
    return any(column.model == ORACLE for seed in found.seeds for column in seed.lists)
