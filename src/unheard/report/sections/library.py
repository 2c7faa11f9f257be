"""Section on the contents of the workspace: counts, skipped files, splits, popularity."""

from __future__ import annotations

from unheard.errors import Reason
from unheard.evaluate.result_tables import Table
from unheard.report.blocks import Block, Picture, Section, Tabled, Tiles
from unheard.report.figures.popularity import long_tail
from unheard.report.report_data import LibrarySummary, ReportData
from unheard.splits import Use

SHOWN_FILES = 3
REASONS = {
    Reason.EMPTY: "empty file",
    Reason.NOT_AUDIO: "not audio",
    Reason.UNREADABLE: "no decoder can read it",
    Reason.TRUNCATED: "truncated",
    Reason.SILENT: "silent",
    Reason.TOO_SHORT: "shorter than a second",
    Reason.DUPLICATE: "duplicate of another track",
    Reason.MISSING: "missing file",
    Reason.CRASHED: "decoder crashed",
    Reason.TIMED_OUT: "timed out",
    Reason.BAD_VALUES: "invalid sample values",
}


def library(found: ReportData) -> Section:
    """Return counts, skipped files, splits, and the long tail."""
    summary = found.library
    blocks: list[Block] = [_tiles(summary)]
    if summary.failures:
        blocks.append(Tabled(_failures(summary), "`unheard errors` lists all of them with details.", words=2))
    blocks.append(
        Tabled(
            _splits(summary, found.catalogue.split.name),
            "Number of tracks, and in brackets number of artists. Models are trained on the train tracks only; the "
            "plays of test tracks are not used, so that they stand for new tracks. `artists` holds out whole artists, "
            "`tracks` single tracks, `time` the newest tracks; `live` holds out validation tracks only. This report is "
            "about the marked split.",
        )
    )
    if summary.playlists_per_track.any():
        blocks.append(_tail(summary))
    return Section("workspace", "Contents of the workspace", tuple(blocks))


def _tiles(summary: LibrarySummary) -> Tiles:
    counts = summary.counts
    tiles = [(f"{counts['tracks']:,}", "tracks"), (f"{summary.n_artists:,}", "artists")]
    if summary.hours:
        tiles.append((f"{summary.hours:,.1f}", "hours of audio"))
    tiles += [(f"{counts['playlists']:,}", "playlists"), (f"{counts['plays']:,}", "playlist entries")]
    if counts["vectors"]:
        tiles.append((f"{counts['vectors']:,}", "vectors of your own"))
    tiles.append((f"{counts['failures']:,}", "files skipped"))
    return Tiles(tuple(tiles))


def _failures(summary: LibrarySummary) -> Table:
    rows = []
    for reason, failures in summary.failures:
        names = [failure.path.replace("\\", "/").rpartition("/")[2] for failure in failures]
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        rows.append([REASONS[reason], ", ".join(names[:SHOWN_FILES]) + more, str(len(failures))])
    return Table("Files that were skipped", ["reason", "files", "number"], rows)


def _splits(summary: LibrarySummary, shown: str) -> Table:
    uses = (Use.TRAIN, Use.VAL, Use.TEST, Use.NEW)
    heads = {Use.TRAIN: "train", Use.VAL: "validation", Use.TEST: "test", Use.NEW: "added later"}
    kept = [use for use in uses if use != Use.NEW or any(size.tracks[use] for size in summary.splits)]
    rows = [
        [
            f"{size.name}\N{NO-BREAK SPACE}←" if size.name == shown else size.name,
            *(f"{size.tracks[use]:,} ({size.artists[use]:,})" for use in kept),
        ]
        for size in summary.splits
    ]
    return Table("Splits: tracks (artists)", ["split", *(heads[use] for use in kept)], rows)


def _tail(summary: LibrarySummary) -> Picture:
    counts = summary.playlists_per_track
    ordered = sorted(counts.tolist(), reverse=True)
    tenth = max(1, len(ordered) // 10)
    share, n_new = sum(ordered[:tenth]) / sum(ordered), sum(count == 0 for count in ordered)
    new = f" {n_new:,} tracks are new: they are in no playlist." if n_new else ""
    return Picture(
        "long-tail",
        long_tail(counts),
        "svg",
        "Two curves: playlists per track by rank, and the cumulative share of entries of the most popular tracks.",
        f"Left: number of playlists with each track, most popular first, on logarithmic axes. Right: cumulative share "
        f"of all playlist entries; the dashed line is an equal distribution. The most popular tenth of the tracks has "
        f"{100 * share:.0f} % of all entries.{new} A model that ranks by popularity does not recommend the others.",
        "The long tail",
    )
