"""Group tracks into recordings and songs, so that a list holds a song only once and never one of its own seeds.

A recording is one sound, in whatever encodings. Its tracks have equal audio hashes, or fingerprints that agree
(spectrograms/same_recording.py). A song has all versions of it: its tracks are one recording, or have the title of the
song (song_titles.py) and share their main artist. Tags alone never make two tracks one recording.

Finding recordings takes seconds in a large library, so their pairs are kept in W/recordings.safetensors until the
fingerprints change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from unheard import artefacts
from unheard.arrays import Indices
from unheard.artist_names import NO_ARTIST, loose
from unheard.errors import UserError
from unheard.features.recording_prints import stored_prints
from unheard.library import Track, Tracks
from unheard.recommend.song_titles import is_generic, song_title
from unheard.spectrograms.near_signatures import equal_rows, near_pairs
from unheard.spectrograms.same_recording import Prints, is_same_recording, joining_pairs, likely_pairs
from unheard.workspace import Workspace

KIND = "recordings"  # of the artefact


@dataclass(frozen=True)
class Sameness:
    """Numbers of the recording and of the song of each track, (n,) int32; equal numbers mean the same."""

    recording: NDArray[np.int32]
    song: NDArray[np.int32]


def sameness(tracks: Tracks, recording_pairs: Indices) -> Sameness:
    """Return the groups of all tracks; `recording_pairs` (pair, 2) are rows of tracks that sound the same."""
    recordings = [*_pairs_of_audio(tracks), *((int(a), int(b)) for a, b in recording_pairs)]
    return Sameness(
        _components(len(tracks), recordings), _components(len(tracks), [*recordings, *_pairs_of_titles(tracks)])
    )


def recording_pairs(workspace: Workspace, tracks: Tracks) -> Indices:
    """Return the pairs of rows (pair, 2) that sound the same, from W/recordings.safetensors if it is up to date."""
    ids, prints = stored_prints(workspace, tracks)
    digest = hashlib.blake2b("\0".join(ids).encode(), digest_size=16)
    digest.update(prints.fingerprint.tobytes())
    digest.update(prints.signature.tobytes())
    path = workspace.root / "recordings.safetensors"
    found = _stored_pairs(path, digest.hexdigest())
    if found is None:
        found = np.array(similar_sounds(prints), np.int64).reshape(-1, 2)
        if len(ids):
            with suppress(OSError):  # a workspace that cannot be written is as good, only slower
                artefacts.save(path, KIND, arrays={"pairs": found}, config={"fingerprints": digest.hexdigest()})
    rows: Indices = tracks.ids.rows(ids).astype(np.int64)[found]
    return rows


def _stored_pairs(path: Path, digest: str) -> Indices | None:
    if not path.is_file():
        return None
    try:
        stored = artefacts.load(path, KIND)
    except UserError:  # damaged: written again
        return None
    return stored.arrays["pairs"] if stored.config.get("fingerprints") == digest else None


def similar_sounds(prints: Prints) -> list[tuple[int, int]]:
    """Return pairs of rows of `prints`, the smaller one first, that join all tracks of each recording.

    Compared are tracks whose sketches or signatures agree; sketches of short and steady tracks are small or empty. Of
    tracks with equal prints, the first is compared with all others, and stands for them.
    """
    firsts, first_of = equal_rows(prints.fingerprint, prints.signature)
    distinct = prints
    if len(firsts) < len(first_of):
        distinct = Prints(prints.fingerprint[firsts], prints.signature[firsts])
    pairs = [(int(firsts[a]), int(firsts[b])) for a, b in joining_pairs(distinct, _candidates(distinct))]
    copies = np.flatnonzero(first_of != np.arange(len(first_of)))
    is_itself = {
        row: is_same_recording(*[Prints(prints.fingerprint[row], prints.signature[row])] * 2)
        for row in np.unique(first_of[copies]).tolist()
    }
    return sorted(
        pairs
        + [
            (first, row)
            for first, row in zip(first_of[copies].tolist(), copies.tolist(), strict=True)
            if is_itself[first]
        ]
    )


def _candidates(prints: Prints) -> Iterator[Indices]:
    """Yield blocks of pairs (pair, 2) that are worth a comparison."""
    yield np.array(list(likely_pairs(prints.fingerprint)), np.int64).reshape(-1, 2)
    yield from near_pairs(prints.signature)


def rows_of_same_song(tracks: Tracks, track: Track) -> list[int]:
    """Return the rows of versions of a track from outside the library, by its audio hash, title and artists."""
    same_audio = [
        row for row, other in enumerate(tracks.items) if track.audio_hash and other.audio_hash == track.audio_hash
    ]
    name, core = main_artist_of(track), song_of(track)
    if not name or not core or is_generic(core):
        return same_audio
    credited = {artist_name(artist) for artist in track.artists}
    return same_audio + [
        row
        for row, other in enumerate(tracks.items)
        if song_of(other) == core
        and (main_artist_of(other) in credited or name in {artist_name(artist) for artist in other.artists})
    ]


def song_of(track: Track) -> str:
    """Return the title of a track's song (`song_title`), without the artist of a title such as "Artist - Title"."""
    head, dash, rest = track.title.partition(" - ")
    return song_title(rest if dash and rest and artist_name(head) == main_artist_of(track) != "" else track.title)


def artist_name(name: str) -> str:
    """Return a name for comparisons; "" for one that names no artist, such as "Various Artists"."""
    bare = loose(re.sub(r"^(.*),\s*the$", r"\1", name.strip(), flags=re.IGNORECASE))
    return "" if bare in NO_ARTIST else bare


def main_artist_of(track: Track) -> str:
    """Return the first credited artist for comparisons; "" if no artist is credited."""
    return artist_name(track.artists[0]) if track.artists else ""


def _pairs_of_audio(tracks: Tracks) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for row, track in enumerate(tracks.items):
        if track.audio_hash:
            earlier = first.setdefault(track.audio_hash, row)
            if earlier != row:
                yield earlier, row


def _pairs_of_titles(tracks: Tracks) -> Iterator[tuple[int, int]]:
    """Yield pairs with the title of one song and one main artist, or whose guest is the main artist of the other."""
    mains: dict[tuple[str, str], int] = {}
    guests: list[tuple[tuple[str, str], int]] = []
    for row, track in enumerate(tracks.items):
        name, core = main_artist_of(track), song_of(track)
        if not name or not core or is_generic(core):
            continue
        earlier = mains.setdefault((name, core), row)
        if earlier != row:
            yield earlier, row
        guests += [((guest, core), row) for artist in track.artists[1:] if (guest := artist_name(artist))]
    yield from ((mains[key], row) for key, row in guests if key in mains)


def _components(n: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int32]:
    """Return the number of the connected component of each of n rows, (n,)."""
    from scipy.sparse.csgraph import connected_components

    ends = np.array(pairs, np.int64).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ends), np.int8), (ends[:, 0], ends[:, 1])), shape=(n, n))
    numbers: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return numbers
