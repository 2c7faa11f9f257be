"""Make tables 6.1 to 6.7 of the thesis from findings, with chance, baselines, the oracle and 95 % intervals.

With `published`, they have the figures of the thesis too, which were measured on other music and are no target.
"""

from __future__ import annotations

from typing import Any

from unheard.evaluate.result_tables import Table
from unheard.experiments.experiment import Findings
from unheard.experiments.thesis.measures import MEAN, REFERENCES, interval, lift, plain
from unheard.experiments.thesis.rows import N_PUBLISHED_TEST, ROWS
from unheard.recommend.models import ORACLE

KS = (10, 50, 100, 500)
TITLES = {
    "6.1": "Table 6.1: bag of tones",
    "6.2": "Table 6.2: CNN",
    "6.3": "Table 6.3: RNN",
    "6.4": "Table 6.4: pretrained networks",
    "6.5": "Table 6.5: triplets",
    "stages": "Beyond the thesis: one stage or two, on the same patches, with the same steps per layer",
    "extended": "Beyond the thesis: dropout, whole songs",
    "selection": "Beyond the thesis: selection of patches",
}
RECALL, R2 = "recommend/cold/recall/20", "factors/cold/r2/None"
OPEN = "°"  # marks a network that the thesis does not determine
OPEN_ROWS = {row.number for row in ROWS if not row.determined}
TRIPLETS = "6.5"


def tables(findings: Findings) -> list[Table]:
    """Return every table that has a row."""
    published = findings["published"]
    by_table = [_losses(findings, table, title, published=published) for table, title in TITLES.items()]
    similar = _overlaps(findings, "Table 6.6: neighbours", "similar/cold/overlap/{}", "similar", published=published)
    playlists = _overlaps(
        findings, "Table 6.7: playlists", "playlist-overlap/cold/overlap/{}", "playlists", published=published
    )
    return [*(table for table in by_table if table), similar, playlists, _recommend(findings)]


def summary(findings: Findings) -> str:
    """Describe the run, how to read the tables, and which rows are missing."""
    about, tracks = findings["about"], findings["about"]["tracks"]
    share = "the published 10 % of the train patches (row 21: all)"
    if about["fraction"] is not None:
        share = f"{100 * about['fraction']:g} % of the train patches (rows 1, 2 and 22: every train track)"
    epochs = "the published number of epochs"
    if about["epochs"] is not None:
        epochs = f"{about['epochs']} epochs (rows with more or fewer in proportion)"
    sentences = [
        f"Split {about['split']}: {tracks['train']} train, {tracks['val']} validation and {tracks['test']} test tracks",
        f"with plays, {about['playlists']} playlists, seed {about['seed']}. Trained on {share} for {epochs}.",
        f"Intervals are 95 % bootstrap intervals. {OPEN} marks networks that the thesis does not determine. Row 22",
        "has the embedding of the track alone as its input; the published input leaks, see `unheard experiment leak`.",
    ]
    short: dict[str, list[str]] = {}
    for entry in findings["rows"]:
        if entry["too_short"] > 0:
            short.setdefault(f"{entry['too_short']:.0%}", []).append(_short_name(entry))
    for part, names in short.items():
        sentences.append(
            f"{part} of the train tracks are shorter than the patches of {', '.join(names)}; silence is added."
        )
    sentences += [f"{_short_name(entry)}: {entry['note']}." for entry in findings["rows"] if entry["note"]]
    return " ".join(sentences)


def _losses(findings: Findings, number: str, title: str, *, published: bool) -> Table | None:
    found = [entry for entry in findings["rows"] if entry["table"] == number]
    if not found:
        return None
    triplets = number == TRIPLETS
    columns = ["name", "weights", "seconds", "steps", "patches", "tracks", "validation loss", "test loss"]
    columns += ["accuracy"] if triplets else []
    columns += ["R2", "recall@20"] + (["thesis: weights", "minutes", "validation", "test"] if published else [])
    mean, oracle = findings["references"][MEAN], findings["references"][ORACLE]
    rows = []
    if triplets:
        margins = [entry["margin"] for entry in found if "margin" in entry]
        rows += [["constant embedding", "", "", "", "", "", *map(_loss, 2 * margins[:1]), ".5"]] if margins else []
    blank = [""] if triplets else []
    rows.append(
        [MEAN, "", "", "", "", "", *map(_loss, mean["loss"]), *blank, _figure(mean, R2), _chance(findings, RECALL)]
    )
    rows += [_loss_row(entry, triplets=triplets, published=published) for entry in found]
    rows.append([ORACLE, "", "", "", "", "", "0", "0", *blank, _figure(oracle, R2), _figure(oracle, RECALL)])
    return Table(title, columns, [_wide(row, len(columns)) for row in rows])


def _loss_row(entry: dict[str, Any], *, triplets: bool, published: bool) -> list[str]:
    if "parameters" not in entry:
        return [_name(entry)]
    cells = [_name(entry), f"{entry['parameters']:,}", f"{entry['seconds']:.0f}", "+".join(map(str, entry["steps"]))]
    cells += [f"{entry['patches']:,}", str(entry["tracks"]), *map(_loss, entry["loss"])]
    if triplets:
        cells.append(", ".join(plain(value, 2) for value in entry.get("accuracy", ()) if value is not None))
    figures = entry.get("figures", {})
    cells += [_figure(figures, R2), _figure(figures, RECALL)]
    return cells + (_published(entry["published"]) if published else [])


def _overlaps(findings: Findings, title: str, figure: str, field: str, *, published: bool) -> Table:
    # Among few tracks a large k is not defined: no column.
    figures = {k: figure.format(k) for k in KS if figure.format(k) in findings["references"][ORACLE]}
    columns = ["name", *(cell for k in figures for cell in (f"top {k}", "lift"))]
    columns += [cell for k in KS for cell in (f"thesis: top {k}", "lift")] if published else []
    rows = [["chance", *(cell for key in figures.values() for cell in (_chance(findings, key), ""))]]
    rows += [[name, *_lifted(findings["references"][name], figures)] for name in REFERENCES]
    for entry in findings["rows"]:
        if "figures" in entry:
            theirs = _published_lift(entry["published"][field]) if published else []
            rows.append([_name(entry), *_lifted(entry["figures"], figures), *theirs])
    rows.append([ORACLE, *_lifted(findings["references"][ORACLE], figures)])
    return Table(title, columns, [_wide(row, len(columns)) for row in rows])


def _recommend(findings: Findings) -> Table:
    """Return the metrics of `recommend`, which the thesis does not have."""
    figures = {
        "recall@20": RECALL, "ndcg@20": "recommend/cold/ndcg/20", "AUC": "recommend/cold/auc/None",
        "centred cosine": "factors/cold/centred-cosine/None",
    }  # fmt: skip
    rows = [["chance", *(_chance(findings, figure) for figure in figures.values()), ""]]
    lines = [(name, findings["references"][name]) for name in REFERENCES]
    lines += [(_name(entry), entry["figures"]) for entry in findings["rows"] if "figures" in entry]
    lines.append((ORACLE, findings["references"][ORACLE]))
    for name, found in lines:
        cells = [interval(found.get(figure)) for figure in figures.values()]
        rows.append([name, *cells, "yes" if _above(found.get(RECALL)) else "no"])
    return Table("New tracks for playlists (not in the thesis)", ["name", *figures, "recall above chance"], rows)


def _name(entry: dict[str, Any]) -> str:
    """Return number and name, marked if the thesis does not determine the network."""
    number = f"{entry['row']} " if entry["row"] else ""
    name = f"{number}{entry['name']}" + (OPEN if entry["row"] in OPEN_ROWS else "")
    return f"{name} (not trained)" if entry["note"] else name


def _short_name(entry: dict[str, Any]) -> str:
    return f"row {entry['row']}" if entry["row"] else f'"{entry["name"]}"'


def _published(theirs: dict[str, Any]) -> list[str]:
    if theirs["loss"] is None:
        return ["", "", "", ""]
    minutes = "" if theirs["minutes"] is None else str(theirs["minutes"])
    return [f"{theirs['parameters']:,}", minutes, *map(_loss, theirs["loss"])]


def _published_lift(theirs: list[float] | None) -> list[str]:
    """Return published overlaps, with their lift over chance among the test songs of the thesis."""
    cells = []
    for k, percent in zip(KS, theirs or (), strict=False):
        cells += [plain(percent / 100, 4), f"x{percent / 100 / (k / (N_PUBLISHED_TEST - 1)):.1f}"]
    return cells or [""] * 2 * len(KS)


def _lifted(figures: dict[str, Any], wanted: dict[int, str]) -> list[str]:
    return [cell for figure in wanted.values() for cell in (interval(figures.get(figure)), lift(figures.get(figure)))]


def _figure(figures: dict[str, Any], figure: str) -> str:
    return interval(figures.get(figure))


def _above(found: dict[str, Any] | None) -> bool:
    """Return whether the whole interval lies above chance."""
    return bool(found and found["low"] is not None and found["low"] > found["chance"])


def _chance(findings: Findings, figure: str) -> str:
    found = findings["references"][ORACLE].get(figure)
    return "-" if not found or found["chance"] is None else plain(found["chance"], 3)


def _loss(value: float | None) -> str:
    return "-" if value is None else plain(value, 4)


def _wide(cells: list[str], width: int) -> list[str]:
    return cells + [""] * (width - len(cells))
