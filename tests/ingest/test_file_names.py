"""Test which names of files and folders give artist, title and album, against a hand-written table."""

from __future__ import annotations

from pathlib import Path

import pytest

from unheard.ingest.file_names import NameGuess, guess, guess_from_stem


@pytest.mark.parametrize(
    ("stem", "title", "artist", "album"),
    [
        ("Title", "Title", "", ""),
        ("Artist - Title", "Title", "Artist", ""),
        ("Artist \u2013 Title", "Title", "Artist", ""),
        ("Artist_-_Long_Title", "Long Title", "Artist", ""),
        ("Blink-182 - Song", "Song", "Blink-182", ""),
        ("01 Title", "Title", "", ""),
        ("01-Title", "Title", "", ""),
        ("01. Title", "Title", "", ""),
        ("01 - Title", "Title", "", ""),
        ("7. Title", "Title", "", ""),
        ("12 - Title", "Title", "", ""),
        ("1-12 Title", "Title", "", ""),
        ("01 Artist - Title", "Title", "Artist", ""),
        ("01 - Artist - Title", "Title", "Artist", ""),
        ("Artist - 01 - Title", "Title", "Artist", ""),
        ("Artist - Album - 01 Title", "Title", "Artist", "Album"),
        ("Artist - Album - 12 - Title", "Title", "Artist", "Album"),
        ("Artist - Title - Live", "Title - Live", "Artist", ""),
        # numbers that belong to the name
        ("99 Luftballons", "99 Luftballons", "", ""),
        ("7 Years", "7 Years", "", ""),
        ("1999", "1999", "", ""),
        ("01", "01", "", ""),
        ("24K Magic", "24K Magic", "", ""),
        ("1-800-273-8255", "1-800-273-8255", "", ""),
        ("2Pac - Changes", "Changes", "2Pac", ""),
        ("50 Cent - In da Club", "In da Club", "50 Cent", ""),
        ("311 - Down", "Down", "311", ""),
    ],
)
def test_stems(stem: str, title: str, artist: str, album: str) -> None:
    found = guess_from_stem(stem)
    assert (found.title, found.artist, found.album) == (title, artist, album)


@pytest.mark.parametrize(
    ("path", "artist", "album"),
    [
        ("Band/Album/01 T.mp3", "Band", "Album"),
        ("Band/Album/CD 2/01 T.mp3", "Band", "Album"),
        ("Band/21/01 T.mp3", "Band", "21"),
        ("Band/2001 - Album/01 T.mp3", "Band", "Album"),
        ("Band/Album (2001)/01 T.mp3", "Band", "Album"),
        ("Band - Album/01 T.mp3", "Band", "Album"),
        ("Band - 2001 - Album/01 T.mp3", "Band", "Album"),
        ("Rock/Band - Album/01 T.mp3", "Band", "Album"),
        ("Various Artists/Album/01 Band - T.mp3", "Band", "Album"),
        ("Various Artists/Album/01 T.mp3", "", "Album"),
        ("Album/01 T.mp3", "", "Album"),
        ("Music/Album/01 T.mp3", "", "Album"),
        ("Downloads/01 T.mp3", "", ""),
        ("Rock/Nineties/T.mp3", "", ""),  # not numbered: the folders may be anything
        ("Rock/Nineties/Band - T.mp3", "Band", ""),
        ("01 T.mp3", "", ""),
    ],
)
def test_folders(path: str, artist: str, album: str, tmp_path: Path) -> None:
    assert guess(tmp_path / path, tmp_path) == NameGuess("T", artist, album, numbered="01" in path)


def test_two_digits_are_a_track_number_beside_a_first_track(tmp_path: Path) -> None:
    path = tmp_path / "12 Title.mp3"
    assert guess(path).title == "12 Title"
    (tmp_path / "01 Other.mp3").touch()
    assert guess(path) == NameGuess("Title", numbered=True)
