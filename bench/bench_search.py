"""Measure the search of tracks: time to build the index and time of a query, over 100,000 tracks.

    python bench/bench_search.py [--tracks 100000]

Titles have one to five words of a vocabulary of 30,000 words with the frequencies of Zipf's law, artists and albums one
to three. A fifth of the words has an accent and a twentieth is Cyrillic.
"""

from __future__ import annotations

import argparse
import pickle
import time

import numpy as np

from unheard.library import Track
from unheard.search import TrackSearch

N_WORDS = 30_000
LETTERS = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
ACCENTS = str.maketrans("aeiou", "áéïôü")
CYRILLIC = str.maketrans("abdeiklmnoprstuv", "абдеиклмнопрстув")
REPEATS = 5


def vocabulary(rng: np.random.Generator) -> list[str]:
    """Return distinct words."""
    weights = 1 / np.arange(3, len(LETTERS) + 3)
    words: dict[str, None] = {}
    while len(words) < N_WORDS:
        word = "".join(rng.choice(LETTERS, rng.integers(2, 11), p=weights / weights.sum()))
        kind = rng.random()
        words[word.translate(CYRILLIC) if kind < 0.05 else word.translate(ACCENTS) if kind < 0.25 else word] = None
    return list(words)


def library(n: int, rng: np.random.Generator) -> list[Track]:
    """Return `n` tracks, ten on an album, two albums of each artist."""
    words = np.array(vocabulary(rng))
    weights = 1 / np.arange(1, N_WORDS + 1) ** 0.8
    drawn = iter(rng.choice(words, 6 * n, p=weights / weights.sum()).tolist())

    def text(longest: int) -> str:
        return " ".join(next(drawn) for _ in range(rng.integers(1, longest + 1))).title()

    tracks = []
    for number in range(n):
        if number % 20 == 0:
            artist = text(3)
        if number % 10 == 0:
            album, year, genre = text(3), str(rng.integers(1950, 2026)), text(1)
        tracks.append(Track(f"t{number:06d}", "", text(5), (artist,), album, release_date=year, genre=genre))
    return tracks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=100_000)
    rng = np.random.default_rng(0)
    tracks = library(parser.parse_args().tracks, rng)
    start = time.process_time()
    search = TrackSearch(tracks)
    print(f"build {time.process_time() - start:.2f} s of processor time, {len(tracks)} tracks")
    start = time.process_time()
    stored = pickle.dumps(search)
    print(f"pickled {len(stored) / 2**20:.0f} MiB, {time.process_time() - start:.2f} s")
    pickle.loads(stored)
    some = [tracks[int(row)] for row in rng.integers(len(tracks), size=20)]
    kinds = {
        "title": [track.title for track in some],
        "artist and title": [f"{track.artist} {track.title}" for track in some],
        "one letter": list("aeioust"),
        "beginning": [track.artist[:3] for track in some],
        "a typing error": [track.title[:2] + track.title[3:] + " " + track.artist for track in some],
        "five words, none known": ["qqzxj vvkkq jjxzq wwqqz zzkqx"],
        "year and genre": [f"{track.genre} {track.release_date}" for track in some],
    }
    print(f"\n{'query':26}{'median ms':>12}{'slowest ms':>12}{'found':>10}")
    for kind, queries in kinds.items():
        times, found = [], []
        for query in queries:
            fastest = min(_timed(search, query) for _ in range(REPEATS))
            times.append(1000 * fastest)
            found.append(len(search.search(query)))
        print(f"{kind:26}{np.median(times):12.1f}{max(times):12.1f}{int(np.median(found)):10}")


def _timed(search: TrackSearch, query: str) -> float:
    start = time.process_time()
    search.search(query)
    return time.process_time() - start


if __name__ == "__main__":
    main()
