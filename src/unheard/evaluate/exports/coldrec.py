"""Write a split in the layouts of ColdRec and ACARec, benchmarks of cold-start models.

ColdRec, https://github.com/YuanchenBei/ColdRec: copy the folder NAME to its data/ and run `main.py --dataset NAME`.

    NAME/cold_item/warm_train.csv                             user,item: plays of train tracks
    NAME/cold_item/warm_val.csv, warm_test.csv                a part of them, held out
    NAME/cold_item/cold_item_val.csv, cold_item_test.csv      plays of validation and of test tracks; cold_item.csv
                                                              has both
    NAME/cold_item/overall_val.csv, overall_test.csv          warm and cold plays of the users that have both
    NAME/cold_item/info_dict.pkl, n_user_item.pkl             numbers and indices of users and items
    NAME/NAME_item_content.npy                                features, (item, f) float32
    NAME/users.csv, items.csv                                 number -> playlist_id, track_id

ACARec, https://github.com/gmeehan96/ACARec, reads the same with other names, all in NAME: cold_val.csv, cold_test.csv,
embs.npy and embs/audio_embs.npy for the features, and item_artist_mapping.npy, the artist of each item.

Users and items are numbered from 0; tracks without any play of the split have no number. Both projects also measure
warm plays, which unheard does not hold out: a twentieth of the plays of train tracks is held out for each of warm_val
and warm_test, but none that is the last one of its user or item, so they train on a tenth less than unheard.
"""

from __future__ import annotations

import csv
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unheard.arrays import Mask
from unheard.evaluate.exports.split_plays import Pairs, pairs_of
from unheard.plays import Plays
from unheard.recommend.catalogue import Catalogue
from unheard.splits import Use

HELD_OUT = 0.05  # share of the warm plays, for validation and for test each
PROTOCOL = 4  # of pickle, as in ColdRec
Numbered = NDArray[np.int64]  # (k, 2) user and item


def write_coldrec(folder: Path, name: str, catalogue: Catalogue, plays: Plays, *, seed: int = 0) -> None:
    """Write ColdRec's layout into `folder`, as data set `name`."""
    parts, content, _ = _write_shared(folder, catalogue, plays, seed=seed)
    below = folder / "cold_item"
    below.mkdir()
    _write_parts(below, parts, cold=("cold_item_val", "cold_item_test"))
    _write_csv(below / "cold_item.csv", ("user", "item"), _join(parts["cold_val"], parts["cold_test"]))
    np.save(folder / f"{name}_item_content.npy", content)


def write_acarec(folder: Path, _name: str, catalogue: Catalogue, plays: Plays, *, seed: int = 0) -> None:
    """Write ACARec's layout into `folder`."""
    parts, content, artists = _write_shared(folder, catalogue, plays, seed=seed)
    _write_parts(folder, parts, cold=("cold_val", "cold_test"))
    (folder / "embs").mkdir()
    for path in (folder / "embs.npy", folder / "embs" / "audio_embs.npy"):
        np.save(path, content)
    np.save(folder / "item_artist_mapping.npy", artists)


def _write_shared(
    folder: Path, catalogue: Catalogue, plays: Plays, *, seed: int
) -> tuple[dict[str, Numbered], NDArray[np.float32], NDArray[np.int64]]:
    """Write the names of users and items; return the plays by part, and features and artist of each item."""
    pairs = {use: pairs_of(catalogue, plays, use) for use in (Use.TRAIN, Use.VAL, Use.TEST)}
    users = np.unique(np.concatenate([one.playlists for one in pairs.values()]))
    items = np.unique(np.concatenate([one.tracks for one in pairs.values()]))
    _write_csv(folder / "users.csv", ("user", "playlist_id"), enumerate(catalogue.playlists.take(users)))
    _write_csv(folder / "items.csv", ("item", "track_id"), enumerate(catalogue.tracks.ids.take(items)))

    def numbered(some: Pairs) -> Numbered:
        return np.stack([np.searchsorted(users, some.playlists), np.searchsorted(items, some.tracks)], axis=1)

    warm = pairs[Use.TRAIN]
    val, test = _held_out(warm, np.random.default_rng(seed))
    parts = {
        "warm_train": numbered(warm.take(~(val | test))),
        "warm_val": numbered(warm.take(val)),
        "warm_test": numbered(warm.take(test)),
        "cold_val": numbered(pairs[Use.VAL]),
        "cold_test": numbered(pairs[Use.TEST]),
    }
    artists = np.unique(catalogue.main_artist[items], return_inverse=True)[1].astype(np.int64)
    return parts, catalogue.content.values[items], artists


def _held_out(warm: Pairs, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """Return which warm plays are for validation and for test; every user and item keeps one."""
    n, left = len(warm), {name: np.bincount(getattr(warm, name)) for name in ("playlists", "tracks")}
    uses = np.zeros(n, np.int8)
    wanted = int(n * HELD_OUT)
    taken = 0
    for at in rng.permutation(n).tolist():
        if taken == 2 * wanted:
            break
        user, item = int(warm.playlists[at]), int(warm.tracks[at])
        if left["playlists"][user] > 1 and left["tracks"][item] > 1:
            left["playlists"][user] -= 1
            left["tracks"][item] -= 1
            uses[at] = 1 + taken % 2
            taken += 1
    return uses == 1, uses == 2


def _write_parts(folder: Path, parts: Mapping[str, Numbered], *, cold: tuple[str, str]) -> None:
    """Write the plays, and the description of the data."""
    names = {"cold_val": cold[0], "cold_test": cold[1]}
    for part, plays in parts.items():
        _write_csv(folder / f"{names.get(part, part)}.csv", ("user", "item"), plays)
    overall = {use: _overall(parts[f"warm_{use}"], parts[f"cold_{use}"]) for use in ("val", "test")}
    for use, plays in overall.items():
        _write_csv(folder / f"overall_{use}.csv", ("user", "item"), plays)
    everything = np.concatenate(list(parts.values()))
    n_users, n_items = (int(everything[:, column].max(initial=-1)) + 1 for column in (0, 1))
    cold_plays = _join(parts["cold_val"], parts["cold_test"])
    sets = {**{part.replace("warm_train", "train"): plays for part, plays in parts.items()}}
    sets |= {f"overall_{use}": plays for use, plays in overall.items()}
    about: dict[str, Any] = {
        "user_num": n_users,
        "item_num": n_items,
        "user_array": np.arange(n_users, dtype=np.int32),
        "item_array": np.arange(n_items, dtype=np.int32),
        **_indices("warm", parts["warm_train"]),
        **_indices("cold", cold_plays),
    }
    for part, plays in sets.items():
        about |= _indices(part, plays)
    _pickle(folder / "info_dict.pkl", about)
    _pickle(folder / "n_user_item.pkl", {"user": n_users, "item": n_items})


def _overall(warm: Numbered, cold: Numbered) -> Numbered:
    """Return warm and cold plays of the users that have both."""
    users = np.intersect1d(warm[:, 0], cold[:, 0])
    both = _join(cold, warm)
    return both[np.isin(both[:, 0], users)]


def _join(first: Numbered, second: Numbered) -> Numbered:
    return np.concatenate([first, second])


def _indices(part: str, plays: Numbered) -> dict[str, NDArray[np.int32]]:
    return {f"{part}_{what}": np.unique(plays[:, at]).astype(np.int32) for at, what in enumerate(("user", "item"))}


def _write_csv(path: Path, header: Sequence[str], rows: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows.tolist() if isinstance(rows, np.ndarray) else rows)


def _pickle(path: Path, value: object) -> None:
    """Write what these projects read as pickle; unheard itself never reads one."""
    path.write_bytes(pickle.dumps(value, protocol=PROTOCOL))
