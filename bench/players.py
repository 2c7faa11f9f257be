"""Time what music players ask of a large library: the first tables, and one answer of each kind.

    python bench/players.py [TRACKS]

Prints milliseconds, the median of five, and kilobytes of each answer; artists have ten tracks, albums too.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from scipy.sparse import csr_matrix

from unheard.library import Track, Tracks
from unheard.play_history import Listen, add_listens
from unheard.serve.browse_index import BrowseIndex
from unheard.serve.cache import Cache
from unheard.serve.subsonic import browsing, lists
from unheard.serve.subsonic.answer import response
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.parameters import Parameters
from unheard.workspace import Workspace

REPEATS = 5
N_LISTENS = 100_000


def library(n: int) -> Tracks:
    return Tracks(
        tuple(
            Track(
                f"t{i:07d}",
                f"/music/{i // 10}/{i}.flac",
                f"Song {i}",
                (f"Artist {i // 10}",),
                f"Album {i // 10}",
                genre="Rock; Pop",
                release_date="1999",
                duration_s=200.0,
                size=5_000_000,
            )
            for i in range(n)
        )
    )


def calls(n: int, folder: Path) -> Callable[[str], Call]:
    """Return a function that makes a call with some parameters, on a snapshot without a model."""
    tracks, cache = library(n), Cache()
    catalogue = SimpleNamespace(tracks=tracks, plays=csr_matrix((1, n), dtype=np.float32))
    index = BrowseIndex(cast("Any", catalogue))
    vars(index).update(_kinds=[2] * n, statuses=["new"] * n)
    snapshot = SimpleNamespace(browse_index=index, catalogue=catalogue, files=(), table=cache.get)
    workspace = Workspace.init(folder / "w")
    rng = np.random.default_rng(0)
    add_listens(
        workspace, [Listen(f"t{row:07d}", 1e9 + at, "play") for at, row in enumerate(rng.integers(n, size=N_LISTENS))]
    )
    server = SimpleNamespace(workspace=workspace, snapshot=lambda: snapshot)

    def call(query: str) -> Call:
        return Call(cast("Any", server), cast("Any", None), Parameters(query.encode()), "me", may_listen=True)

    return call


def timed(function: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = function()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), found


def _asked(endpoint: Callable[[Call], Any], call: Callable[[str], Call], query: str) -> Any:
    return endpoint(call(query))


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        call = calls(n, Path(folder))
        index = call("").snapshot.browse_index
        for name in ("albums", "for_players"):
            print(f"{name:32} {timed(partial(getattr, index, name), 1)[0]:9.1f} ms, once a snapshot, before it is used")
        ms, _ = timed(partial(getattr, call(""), "history"), 1)
        print(f"{'history':32} {ms:9.1f} ms, {N_LISTENS:,} plays, once a server")
        for name, endpoint, query in (
            ("getArtists", browsing.artists, ""),
            ("search3, everything, 500 songs", browsing.search3, "query=&songCount=500&songOffset=5000"),
            ("search3, two words", browsing.search3, "query=song+1234"),
            ("getAlbumList2, newest", lists.album_list2, "type=newest&size=50"),
            ("getAlbumList2, frequent", lists.album_list2, "type=frequent&size=50"),
            ("getRandomSongs, 500", lists.random_songs, "size=500"),
        ):
            timed(partial(_asked, endpoint, call, query), 1)
            ms, answer = timed(partial(_asked, endpoint, call, query))
            for form in ("json", "xml"):
                took, sent = timed(partial(response, answer, form))
                print(f"{name:32} {ms:9.1f} ms + {took:7.1f} ms in {form}, {len(sent.body) / 1000:9.1f} kB")


if __name__ == "__main__":
    main()
