"""Write a split as atomic files of RecBole, https://recbole.io/docs/user_guide/data/atomic_files.html.

    NAME.train.inter, .valid.inter, .test.inter   user_id:token, item_id:token, rating:float, timestamp:float
    NAME.item                                     item_id:token, artist:token, title:token_seq, vector:float_seq
    NAME.user                                     user_id:token
    NAME.yaml                                     settings that read these files: recbole Config(config_file_list=[...])

Users are playlists, items tracks. NAME is the folder's name. The rating is the weight, mostly a number of plays. The
timestamp is missing if no play has one; 0 stands for an unknown one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unheard.evaluate.exports.split_plays import Pairs, pairs_of
from unheard.plays import Plays
from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use

USES = {"train": Use.TRAIN, "valid": Use.VAL, "test": Use.TEST}
INTERACTIONS = ("user_id:token", "item_id:token", "rating:float")
ITEMS = ("item_id:token", "artist:token", "title:token_seq", "vector:float_seq")


def write_recbole(folder: Path, name: str, catalogue: Catalogue, plays: Plays) -> None:
    """Write all files into `folder`; `name` is the name that the data set has for RecBole."""
    parts = {part: pairs_of(catalogue, plays, use) for part, use in USES.items()}
    has_times = any(bool((~np.isnan(pairs.timestamps)).any()) for pairs in parts.values())
    for part, pairs in parts.items():
        _write_interactions(folder / f"{name}.{part}.inter", catalogue, pairs, has_times=has_times)
    with (folder / f"{name}.user").open("w", encoding="utf-8", newline="\n") as file:
        file.write("user_id:token\n")
        file.writelines(f"{_token(one)}\n" for one in catalogue.playlists)
    _write_items(folder / f"{name}.item", catalogue)
    columns = ["user_id", "item_id", "rating", *(["timestamp"] if has_times else [])]
    settings = (
        f"benchmark_filename: [{', '.join(USES)}]\n"
        "USER_ID_FIELD: user_id\nITEM_ID_FIELD: item_id\nRATING_FIELD: rating\nTIME_FIELD: timestamp\n"
        f"load_col: {{inter: [{', '.join(columns)}], item: [item_id, artist, vector]}}\n"
    )
    (folder / f"{name}.yaml").write_text(settings, encoding="utf-8")


def _write_interactions(path: Path, catalogue: Catalogue, pairs: Pairs, *, has_times: bool) -> None:
    playlists, tracks = catalogue.playlists, catalogue.tracks.ids
    columns = [pairs.playlists, pairs.tracks, pairs.weights, np.nan_to_num(pairs.timestamps)]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join([*INTERACTIONS, *(["timestamp:float"] if has_times else [])]) + "\n")
        for playlist, track, weight, time in zip(*(column.tolist() for column in columns), strict=True):
            row = [_token(playlists[playlist]), _token(tracks[track]), f"{weight:.9g}"]
            file.write("\t".join([*row, *([f"{time:.3f}"] if has_times else [])]) + "\n")


def _write_items(path: Path, catalogue: Catalogue) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(ITEMS) + "\n")
        for track, vector in zip(catalogue.tracks.items, catalogue.content.values, strict=True):
            artist = track.artists[0] if track.artists else ""
            numbers = " ".join(f"{value:.6g}" for value in vector.tolist())
            row = [_token(track.track_id), _token(artist), _token(track.title), numbers]
            file.write("\t".join(row) + "\n")


def _token(text: str) -> str:
    """Return a text without tabs and line breaks, which divide fields and rows."""
    return " ".join(text.split()) if any(c in text for c in "\t\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") else text
