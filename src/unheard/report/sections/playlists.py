"""Section with the neighbours of the same tracks by every model."""

from __future__ import annotations

from unheard.errors import quoted
from unheard.recommend.models import ORACLE
from unheard.report.blocks import Block, Lists, Missing, Section, Text
from unheard.report.report_data import ReportData


def playlists(found: ReportData) -> Section:
    """Return the lists of all models, by seed track."""
    blocks: list[Block] = []
    if not found.seeds:
        blocks.append(
            Missing(
                "No test track is in a playlist, so no seed track can be chosen; choose one with `--seed-track ID`."
            )
        )
    elif not found.models:
        blocks.append(Missing(f"No model has been trained yet. Run `unheard train -w {quoted(found.workspace.root)}`."))
    if found.seeds:
        oracle = "" if _has_oracle(found) else " The true factors are missing: run `unheard factors` again."
        blocks.append(
            Text(
                "The neighbours of a track by every model, as `unheard similar TRACK --candidates all` ranks them, "
                "with at most two tracks by one artist. “True factors” are fitted to the plays of all tracks; their "
                "list is the reference. ✓ marks tracks that are in this list too, “test track” those whose plays were "
                "not used for training, “new” those without plays. Players play files on this computer; they load "
                "nothing until you press play, and do not work on other computers." + oracle
            )
        )
        blocks += [Lists(side_by_side) for side_by_side in found.seeds]
    return Section("playlists", "Lists of all models", tuple(blocks))


def _has_oracle(found: ReportData) -> bool:
    return any(column.model == ORACLE for seed in found.seeds for column in seed.lists)
