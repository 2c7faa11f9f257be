"""Tables 6.1 to 6.7 of the thesis from what was measured, with the columns and lines that it lacked.

Each has the line of chance, the baselines that a network has to beat, and the ceiling; each figure its 95 % interval.
`published` sets the thesis' own figures beside ours: they come from other music and are no target.
"""

from __future__ import annotations

from typing import Any

from unheard.evaluate.table import Table
from unheard.experiments.rows import N_PUBLISHED_TEST, ROWS, Overlaps, Row
from unheard.experiments.thesis import REFERENCES, Findings
from unheard.recommend.build import ORACLE

KS = (10, 50, 100, 500)
TITLES = {
    "6.1": "Table 6.1: bag of tones",
    "6.2": "Table 6.2: CNN",
    "6.3": "Table 6.3: RNN",
    "6.4": "Table 6.4: pretrained networks",
    "6.5": "Table 6.5: triplets",
    "ours": "Beyond the thesis: one stage or two, at equal data and updates",
}
RECALL, R2 = "recommend/cold/recall/20", "factors/cold/r2/None"
OPEN = "°"  # marks a network that the thesis does not determine
ROW_OF = {row.number: row for row in ROWS}


def thesis_tables(findings: Findings, *, published: bool = False) -> list[Table]:
    """Every table that has a row."""
    by_table = [_losses(findings, table, title, published=published) for table, title in TITLES.items()]
    similar = _overlaps(findings, "Table 6.6: neighbours", "similar/cold/overlap/{}", "similar", published=published)
    playlists = _overlaps(
        findings, "Table 6.7: playlists", "playlist-overlap/cold/overlap/{}", "playlists", published=published
    )
    return [*(table for table in by_table if table), similar, playlists, _recommend(findings)]


def about_text(findings: Findings) -> str:
    """What was run, in a sentence or two."""
    about, tracks = findings.about, findings.about["tracks"]
    share = "the published 10 %" if about["fraction"] is None else f"{about['fraction']:.0%}"
    epochs = "the published number of epochs" if about["epochs"] is None else f"{about['epochs']} epochs"
    sentences = (
        f"Split {about['split']}: {tracks['train']} train, {tracks['val']} validation and {tracks['test']} test tracks",
        f"with plays, {about['playlists']} playlists, seed {about['seed']}. Trained on {share} of the train patches",
        f"for {epochs} (rows that differ in the thesis differ in proportion). Intervals are 95 % bootstrap intervals;",
        f"chance is the expectation of a random ranking, or the loss of the mean factor. {OPEN} marks networks that",
        "the thesis does not determine. Row 22 reads a track's own embedding; the published input leaks, see",
        "`unheard experiment leak`.",
    )
    return " ".join(sentences)


def markdown(findings: Findings, *, published: bool) -> str:
    """All tables, with what was run."""
    from unheard.evaluate.table import table_markdown

    tables = thesis_tables(findings, published=published)
    return "\n".join(["# The thesis, row by row\n", about_text(findings) + "\n", *map(table_markdown, tables)])


def _losses(findings: Findings, number: str, title: str, *, published: bool) -> Table | None:
    found = [entry for entry in findings.rows if entry["table"] == number]
    if not found:
        return None
    triplets = number == "6.5"
    columns = ["#", "name", "parameters", "seconds", "patches", "validation loss", "test loss"]
    columns += ["accuracy (val, test)"] if triplets else []
    columns += ["R2", "recall@20"] + (["thesis: minutes", "validation", "test loss"] if published else [])
    chance = findings.references["chance"]["loss"]
    first = [
        "",
        "chance",
        "",
        "",
        "",
        *map(_loss, chance),
        *([".5"] if triplets else []),
        "0",
        _chance(findings, RECALL),
    ]
    last = ["", "oracle", "", "", "", "0", "0", *(["1"] if triplets else []), "1", _reference(findings, ORACLE, RECALL)]
    rows = []
    for entry in found:
        row = ROW_OF.get(entry["row"])
        cells = [str(entry["row"] or ""), _name(entry), f"{entry['trainable_parameters']:,}", *_effort(entry)]
        cells += map(_loss, entry.get("loss", (None, None)))
        if triplets:
            cells.append(", ".join(map(_loss, entry["accuracy"])) if "accuracy" in entry else "")
        cells += [_cell(entry, R2), _cell(entry, RECALL)]
        rows.append(cells + (_published(row) if published else []))
    width = len(columns)
    return Table(title, columns, [_wide(first, width), *rows, _wide(last, width)])


def _overlaps(findings: Findings, title: str, figure: str, field: str, *, published: bool) -> Table:
    figures = {k: figure.format(k) for k in KS}
    columns = ["name", *(cell for k in KS for cell in (f"top {k}", "lift"))]
    columns += [f"thesis: top {KS[0]}", "lift", f"top {KS[-1]}", "lift"] if published else []
    width = len(columns)
    rows = [_wide(["chance", *(cell for k in KS for cell in (_chance(findings, figures[k]), ""))], width)]
    rows += [_wide([name, *_lifted(findings.references[name], figures)], width) for name in REFERENCES[1:]]
    for entry in findings.rows:
        if "figures" in entry:
            row = ROW_OF.get(entry["row"])
            theirs: Overlaps | None = getattr(row, field) if row else None
            rows.append(
                [_name(entry), *_lifted(entry["figures"], figures), *(_published_lift(theirs) if published else [])]
            )
    rows.append(_wide([ORACLE, *_lifted(findings.references[ORACLE], figures)], width))
    return Table(title, columns, rows)


def _recommend(findings: Findings) -> Table:
    """What the thesis did not measure: where a playlist's own new tracks come."""
    figures = {
        "recall@20": RECALL, "ndcg@20": "recommend/cold/ndcg/20", "AUC": "recommend/cold/auc/None",
        "centred cosine": "factors/cold/centred-cosine/None",
    }  # fmt: skip
    rows = [["chance", *(_chance(findings, figure) for figure in figures.values()), ""]]
    lines = [(name, findings.references[name]) for name in REFERENCES[1:]]
    lines += [(_name(entry), entry["figures"]) for entry in findings.rows if "figures" in entry]
    lines.append((ORACLE, findings.references[ORACLE]))
    for name, found in lines:
        cells = [interval(found.get(figure)) for figure in figures.values()]
        rows.append([name, *cells, "yes" if _above(found.get(RECALL)) else "no"])
    return Table("New tracks for playlists (not in the thesis)", ["name", *figures, "above chance"], rows)


def _name(entry: dict[str, Any]) -> str:
    row = ROW_OF.get(entry["row"])
    name = entry["name"] + (OPEN if row and not row.determined else "")
    return f"{name} ({entry['note']})" if entry["note"] else name


def _effort(entry: dict[str, Any]) -> list[str]:
    return [f"{entry['seconds']:.0f}", f"{entry['patches']:,}"] if "seconds" in entry else ["", ""]


def _published(row: Row | None) -> list[str]:
    if row is None or row.loss is None:
        return ["", "", ""]
    return ["" if row.minutes is None else str(row.minutes), *(f"{loss:.4f}" for loss in row.loss)]


def _published_lift(theirs: Overlaps | None) -> list[str]:
    """Published overlaps at the smallest and the largest k, with their lift over chance among its test songs."""
    if theirs is None:
        return ["", "", "", ""]
    cells = []
    for k, percent in ((KS[0], theirs[0]), (KS[-1], theirs[-1])):
        cells += [f"{percent / 100:.4f}", f"x{percent / 100 / (k / (N_PUBLISHED_TEST - 1)):.1f}"]
    return cells


def _lifted(figures: dict[str, Any], wanted: dict[int, str]) -> list[str]:
    return [cell for figure in wanted.values() for cell in (interval(figures.get(figure)), lift(figures.get(figure)))]


def _cell(entry: dict[str, Any], figure: str) -> str:
    return interval(entry.get("figures", {}).get(figure))


def lift(found: dict[str, Any] | None) -> str:
    """Times chance, "" where that is undefined."""
    return (
        f"x{found['value'] / found['chance']:.1f}" if found and found["value"] is not None and found["chance"] else ""
    )


def interval(found: dict[str, Any] | None) -> str:
    """Value and interval, "-" where there is none."""
    if not found or found["value"] is None:
        return "-"
    low, high = found["low"], found["high"]
    return f"{found['value']:.4f}" + ("" if low is None else f" [{low:.4f}, {high:.4f}]")


def _above(found: dict[str, Any] | None) -> bool:
    """Does the whole interval lie above chance?"""
    return bool(found and found["low"] is not None and found["low"] > found["chance"])


def _chance(findings: Findings, figure: str) -> str:
    found = findings.references[ORACLE].get(figure)
    return "-" if not found or found["chance"] is None else f"{found['chance']:.4f}"


def _reference(findings: Findings, name: str, figure: str) -> str:
    return interval(findings.references[name].get(figure))


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _wide(cells: list[str], width: int) -> list[str]:
    return cells + [""] * (width - len(cells))
