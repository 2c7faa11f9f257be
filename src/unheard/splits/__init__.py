"""Split tracks into train, validation and test, once, before anything is fitted.

split.py        the type `Split`
groups.py       tracks that must stay together: shared artists, duplicate recordings
folds.py        assign whole groups to balanced folds: the splits `tracks`, `artists` and `live`
newest.py       the split `time`: the newest tracks are test tracks
make_splits.py  all splits of one library
exchange.py     read and write splits.json
stage.py        the command `unheard split`
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
from unheard.splits.folds import LIVE, artists_split, live_split, tracks_split
from unheard.splits.groups import artist_groups, artist_seen
from unheard.splits.make_splits import make_splits
from unheard.splits.newest import time_split
from unheard.splits.split import Split, Use, UseName
from unheard.splits.stage import library_groups, live_of, prepare_splits, renew_live

__all__ = [
    "EVALUATION_SPLITS",
    "LIVE",
    "USE_SPLITS",
    "Split",
    "Use",
    "UseName",
    "artist_groups",
    "artist_seen",
    "artists_split",
    "default_split",
    "library_groups",
    "live_of",
    "live_split",
    "load_split",
    "load_splits",
    "make_splits",
    "prepare_splits",
    "read_splits",
    "renew_live",
    "time_split",
    "tracks_split",
    "write_splits",
]
