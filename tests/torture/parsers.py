"""The parsers that unheard has written itself, each as a function of bytes: it may refuse them, and nothing else.

`fuzz_parsers.py` gives them what atheris finds, `test_parsers.py` what Hypothesis draws.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from unheard.errors import UserError
from unheard.ids import id_problem
from unheard.ingest.audio_hash import audio_end
from unheard.ingest.containers import is_audio_head
from unheard.ingest.file_names import guess
from unheard.ingest.json_arrays import json_array
from unheard.ingest.lengths import declared_length
from unheard.ingest.lyrics import parse_lyrics
from unheard.ingest.matroska_tags import matroska_tags
from unheard.ingest.parts import parts_of
from unheard.ingest.release_dates import iso_date
from unheard.ingest.spreadsheet_cells import as_cell, of_cell
from unheard.ingest.tags import clean, credited_artists, joined_genres
from unheard.library import Tracks
from unheard.models.musicnn_checkpoint import read_entries
from unheard.plays.matching import Matcher
from unheard.plays.readers.m3u import read_m3u_entries
from unheard.plays.readers.pls import read_pls
from unheard.plays.readers.times import parse_time
from unheard.splits import read_splits

NOBODY = Matcher(Tracks(()), [])
_folder = tempfile.TemporaryDirectory(prefix="unheard-parsers-")


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder.name) / name
    path.write_bytes(data)
    return path


def m3u(data: bytes) -> None:
    read_m3u_entries(_file("a.m3u", data), NOBODY)


def pls(data: bytes) -> None:
    read_pls(_file("a.pls", data), NOBODY)


def lyrics(data: bytes) -> None:
    found = parse_lyrics(data.decode("utf-8", "replace"))
    assert all(start >= 0 for start, _ in found.lines)


def matroska(data: bytes) -> None:
    with suppress(ValueError):  # its way to say so, as mutagen's is any exception
        matroska_tags(_file("a.mka", data))


def release_date(data: bytes) -> None:
    found = iso_date(data.decode("utf-8", "replace"))
    assert len(found) in {0, 4, 7, 10}


def time_of_a_play(data: bytes) -> None:
    parse_time(data.decode("utf-8", "replace"))


def length(data: bytes) -> None:
    declared_length(_file("a", data))


def array(data: bytes) -> None:
    list(json_array(_file("a.json", data)))


def ids(data: bytes) -> None:
    text = data.decode("utf-8", "surrogatepass") if _is_wtf8(data) else data.decode("latin-1")
    if not id_problem(text):
        text.encode()


def cells(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    cell = as_cell(text)
    assert isinstance(cell, str)
    assert of_cell(cell) == of_cell(str(as_cell(of_cell(cell))))


def parts(data: bytes) -> None:
    ranges = parts_of(_file("a", data))
    assert ranges[0][0] == 0
    assert ranges[-1][1] == len(data)


def tail(data: bytes) -> None:
    with _file("a", data).open("rb") as file:
        assert 0 <= audio_end(file) <= len(data)


def head(data: bytes) -> None:
    is_audio_head(data)


def names(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    guess(Path(text.replace("\0", "")), None)
    assert len(clean(text)) <= 1_000
    credited_artists([text])
    joined_genres([text])


def splits(data: bytes) -> None:
    read_splits(_file("splits.json", data))


def checkpoint_index(data: bytes) -> None:
    read_entries(data, "x")


def _is_wtf8(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


PARSERS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        *(m3u, pls, lyrics, matroska, release_date, time_of_a_play, length, array, ids, cells, parts, tail, head),
        *(names, splits, checkpoint_index),
    )
}
# What files of each format begin with, or consist of: Hypothesis and atheris join them.
WORDS: dict[str, tuple[bytes, ...]] = {
    "m3u": (b"#EXTM3U\n", b"#EXTINF:1,a - b\n", b"/x.mp3\n", b"#EXTENC:", b"file:///C:/%", b"\xef\xbb\xbf", b"\\\\h\\"),
    "pls": (b"[playlist]\n", b"File1=", b"Title99999999999999999999=", b"\n", b"File\xd9\xa1=a\n", b"file2 = /a\n"),
    "lyrics": (b"[00:01.50]", b"[offset:-999999]", b"[ti:x]\n", b"<00:02>", b"[999:99:999]", b"\n"),
    "matroska": (b"\x1aE\xdf\xa3", b"\x18S\x80g", b"\x12T\xc3g", b"ss", b"\x67\xc8", b"\x45\xa3", b"\x01\xff", b"\xff"),
    "release_date": (b"2001", b"-", b"/", b"13", b"0", b"T", b".", b" ", b"Jan"),
    "time_of_a_play": (
        b"2020-01-02",
        b"T03:04:05",
        b"Z",
        b"+02:00",
        b"1e9",
        b"99999999999",
        b"2 Jan",
        b"-W01",
        b"24:00",
    ),
    "length": (
        b"RIFF",
        b"WAVE",
        b"fmt ",
        b"data",
        b"OggS",
        b"\xff\xfb\x90\x00",
        b"ID3\3\0\0",
        b"Xing",
        b"Info",
        bytes(27),
    ),
    "array": (b"[", b"]", b",", b"1e-", b'"', b"{", b"}", b"null", b"\xef\xbb\xbf", b"-", b"\\ud800"),
    "ids": (b"\0", b"\xed\xa0\x80", b"\xe2\x80\xae", b"a", b"\x1b", b"x" * 999),
    "cells": (b"'", b"=", b"+", b"-", b"@", b"\t", b"\r", b"a", b"\x1b"),
    "parts": (
        b"OggS\0\2",
        b"OggS\0\0",
        b"RIFF\4\0\0\0WAVE",
        b"FORM\0\0\0\4AIFF",
        b"wvpk",
        b"APETAGEX",
        b"TAG",
        bytes(20),
    ),
    "tail": (b"TAG", b"APETAGEX", b"\xd0\x07\0\0", b"\xff\xff\xff\xff", bytes(16), bytes(125)),
    "head": (b"\xff\xfb\x90\x00", b"\xff\xf1", b"ftyp", b"RIFF", b"\x47" + bytes(187), b"\0\0\0 ftypM4A "),
    "names": (b"01 - ", b"A - B", b" feat. ", b"/", b"(17)", b"; ", b".mp3", b"\xe2\x80\xae", b"_", b"[", b")"),
    "splits": (
        b'{"a":',
        b'{"fold":{"t":1},"use":{"train":[1],"test":[0]}}',
        b"}",
        b"[",
        b"1e999",
        b"NaN",
        b'"live"',
        b",",
    ),
    "checkpoint_index": (b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", bytes(40), b"\xff\xff\xff\x0f", b"\0\1\2"),
}


def check(name: str, data: bytes) -> None:
    """Give bytes to a parser; it may refuse them with an error of ours. Any other error is passed on."""
    with suppress(UserError):
        PARSERS[name](data)
