"""Tests of the numbers of albums, by a table of small libraries."""

from __future__ import annotations

import pytest

from unheard.library import Track, Tracks
from unheard.recommend.albums import album_folder, album_numbers

# (path, main artist, album, album artist); tracks with the same letter are one album
Row = tuple[str, str, str, str, str]
LIBRARIES: dict[str, list[Row]] = {
    "a mix in its folder": [(f"/music/Mix/{n}.mp3", f"DJ {n}", "Super Mix", "", "a") for n in range(6)],
    "a mix among other tracks": [
        *((f"/all/{n}.mp3", f"DJ {n}", "Super Mix", "", "a") for n in range(4)),
        *((f"/all/x{n}.mp3", f"Band {n}", f"Album {n}", "", f"x{n}") for n in range(20)),
    ],
    "greatest hits by album artist": [
        *((f"/m/{n}.mp3", "Queen", "Greatest Hits", "Queen", "q") for n in range(3)),
        *((f"/m/a{n}.mp3", "ABBA", "Greatest Hits", "ABBA", "a") for n in range(3)),
    ],
    "greatest hits of two bands in one folder": [
        *((f"/m/{n}.mp3", "Queen", "Greatest Hits", "", "q") for n in range(2)),
        *((f"/m/a{n}.mp3", "ABBA", "Greatest Hits", "", "a") for n in range(2)),
    ],
    "one of everybody's greatest hits": [
        *((f"/m/{n}.mp3", f"Band {n}", "Greatest Hits", "", f"g{n}") for n in range(5)),
        *((f"/m/x{n}.mp3", f"Band {n}", f"Album {n}", "", f"x{n}") for n in range(6)),
    ],
    "greatest hits of many, with a folder": [
        (f"/m/Hits/{n}.mp3", f"Band {n}", "Greatest Hits", "", "a") for n in range(5)
    ],
    "tagged as a compilation, in folders of artists": [
        (f"/m/Band {n}/{n}.mp3", f"Band {n}", "Now 42", "Various Artists", "a") for n in range(3)
    ],
    "an album with guests, album artist in the tag": [
        (f"/m/{n}.mp3", f"Guest {n}", "Watch the Throne", "Jay-Z", "a") for n in range(4)
    ],
    "two discs": [
        ("/m/Tommy/CD1/1.mp3", "The Who", "Tommy", "", "a"),
        ("/m/Tommy/CD 2/1.mp3", "Who", "TOMMY", "", "a"),
    ],
    "a compilation on two discs": [
        (f"/m/Hits/Disc {disc}/{n}.mp3", f"Band {disc}{n}", "Club Hits", "", "a") for disc in (1, 2) for n in (1, 2)
    ],
    "no album": [("/m/1.mp3", "Queen", "", "", "a"), ("/m/2.mp3", "Queen", "Unknown Album", "", "b")],
    "no file": [("", f"Band {n}", "Super Mix", "", f"b{n}") for n in range(4)],
    "no artist": [
        ("/m/a/1.mp3", "", "Tape", "", "a"),
        ("/m/a/2.mp3", "", "Tape", "", "a"),
        ("/m/b/1.mp3", "", "Tape", "", "b"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRARIES)
def test_tracks_of_one_album_have_one_number(name: str) -> None:
    rows = LIBRARIES[name]
    tracks = [
        Track(f"t{n:03d}", path, f"Song {n}", (artist,) if artist else (), album, album_artist=album_artist)
        for n, (path, artist, album, album_artist, _) in enumerate(rows)
    ]
    numbers = album_numbers(Tracks(tuple(tracks))).tolist()
    letters = [letter for *_, letter in rows]
    pairs = set(zip(letters, numbers, strict=True))
    assert len(pairs) == len(set(letters)) == len(set(numbers)), pairs


def test_the_folder_of_a_disc_is_the_album_folder() -> None:
    for path in ("/m/A/CD1/1.mp3", "/m/A/cd 02/1.mp3", "/m/A/Disc 2/1.mp3", "/m/A/disk_1/1.mp3", "/m/A/1.mp3"):
        assert album_folder(Track("t", path)) == "/m/A"
    assert album_folder(Track("t", "/m/Discovery/1.mp3")) == "/m/Discovery"
    assert album_folder(Track("t")) == ""
