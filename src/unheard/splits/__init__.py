"""Splits: which tracks train, tune and test, decided once before anything is fitted.

split.py      what a split is
groups.py     tracks that have to stay together: shared artists, the same recording twice
folds.py      whole groups dealt into balanced folds: the splits `tracks`, `artists` and `live`
newest.py     the split `time`: the newest tracks are tested
make.py       all of them for one library
exchange.py   splits.json, read and written
stage.py      the stage of a workspace
"""

from unheard.splits.exchange import (
    EVALUATION_SPLITS,
    USE_SPLITS,
    default_split,
    load_split,
    load_splits,
    read_splits,
    write_splits,
)
from unheard.splits.folds import artists_split, live_split, tracks_split
from unheard.splits.groups import artist_groups, artist_seen
from unheard.splits.make import make_splits
from unheard.splits.newest import time_split
from unheard.splits.split import Split, Use, UseName
from unheard.splits.stage import prepare_splits

__all__ = [
    "EVALUATION_SPLITS",
    "USE_SPLITS",
    "Split",
    "Use",
    "UseName",
    "artist_groups",
    "artist_seen",
    "artists_split",
    "default_split",
    "live_split",
    "load_split",
    "load_splits",
    "make_splits",
    "prepare_splits",
    "read_splits",
    "time_split",
    "tracks_split",
    "write_splits",
]
