"""Chapter: what is in the workspace."""

from __future__ import annotations

from unheard.errors import Reason
from unheard.evaluate.table import Table
from unheard.report.blocks import Block, Picture, Section, Tabled, Tiles
from unheard.report.figures.popularity import long_tail
from unheard.report.report_data import Collected, Holdings
from unheard.splits import Use

SHOWN_FILES = 3
REASONS = {
    Reason.EMPTY: "the file is empty",
    Reason.NOT_AUDIO: "not audio",
    Reason.UNREADABLE: "no decoder can read it",
    Reason.TRUNCATED: "cut off: shorter than it says",
    Reason.SILENT: "silence",
    Reason.TOO_SHORT: "shorter than a second",
    Reason.DUPLICATE: "a copy of another track",
    Reason.MISSING: "the file is gone",
    Reason.CRASHED: "a decoder crashed on it",
    Reason.TIMED_OUT: "it took too long",
    Reason.BAD_VALUES: "numbers that are no sound",
}


def holdings(found: Collected) -> Section:
    """Counts, skipped files, splits, and the long tail."""
    stock = found.holdings
    blocks: list[Block] = [_tiles(stock)]
    if stock.failures:
        blocks.append(Tabled(_failures(stock), "`unheard errors` lists every one with its detail.", words=2))
    blocks.append(
        Tabled(
            _splits(stock, found.catalogue.split.name),
            "Tracks, and in brackets how many artists made them. Models learn from the train tracks alone; test tracks "
            "are cold: nothing has learnt from their plays. `artists` holds out whole artists, `tracks` single tracks, "
            "`time` the newest; `live` holds out nothing but what it tunes on. This page is about the marked split.",
        )
    )
    if stock.playlists_per_track.any():
        blocks.append(_tail(stock))
    return Section("workspace", "What is in the workspace", tuple(blocks))


def _tiles(stock: Holdings) -> Tiles:
    counts = stock.counts
    tiles = [(f"{counts['tracks']:,}", "tracks"), (f"{stock.n_artists:,}", "artists")]
    if stock.hours:
        tiles.append((f"{stock.hours:,.1f}", "hours of sound"))
    tiles += [(f"{counts['playlists']:,}", "playlists"), (f"{counts['plays']:,}", "entries in them")]
    if counts["vectors"]:
        tiles.append((f"{counts['vectors']:,}", "vectors of your own"))
    tiles.append((f"{counts['failures']:,}", "files skipped"))
    return Tiles(tuple(tiles))


def _failures(stock: Holdings) -> Table:
    rows = []
    for reason, failures in stock.failures:
        names = [failure.path.replace("\\", "/").rpartition("/")[2] for failure in failures]
        more = f" and {len(names) - SHOWN_FILES} more" if len(names) > SHOWN_FILES else ""
        rows.append([REASONS[reason], ", ".join(names[:SHOWN_FILES]) + more, str(len(failures))])
    return Table("Files that were skipped", ["reason", "files", "number"], rows)


def _splits(stock: Holdings, shown: str) -> Table:
    uses = (Use.TRAIN, Use.VAL, Use.TEST, Use.NEW)
    heads = {Use.TRAIN: "train", Use.VAL: "validation", Use.TEST: "test", Use.NEW: "new since"}
    kept = [use for use in uses if use != Use.NEW or any(size.tracks[use] for size in stock.splits)]
    rows = [
        [
            f"{size.name}\N{NO-BREAK SPACE}←" if size.name == shown else size.name,
            *(f"{size.tracks[use]:,} ({size.artists[use]:,})" for use in kept),
        ]
        for size in stock.splits
    ]
    return Table("Splits: tracks (artists)", ["split", *(heads[use] for use in kept)], rows)


def _tail(stock: Holdings) -> Picture:
    counts = stock.playlists_per_track
    ordered = sorted(counts.tolist(), reverse=True)
    tenth = max(1, len(ordered) // 10)
    share, unheard = sum(ordered[:tenth]) / sum(ordered), sum(count == 0 for count in ordered)
    silent = f" In no playlist at all: {unheard:,}." if unheard else ""
    return Picture(
        "long-tail",
        long_tail(counts),
        "svg",
        "Two curves: playlists per track by rank, and the share of all entries taken by the most played tracks.",
        f"Left: every track by how many playlists hold it, the most played first, both axes logarithmic. Right: how "
        f"much of all entries the most played tracks take; the dashed line is what equal shares would look like. The "
        f"top tenth of the tracks takes {100 * share:.0f} % of all entries.{silent} A model that only repeated what is "
        "popular would never reach the rest.",
        "The long tail",
    )
