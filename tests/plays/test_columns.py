"""Test the reader in columns against a reader row by row: the same plays, the same errors with the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plays.slow_table import read_slowly
from unheard.errors import Reason, TableError
from unheard.library import Failure, Track, Tracks
from unheard.plays import Play
from unheard.plays.matching import Matcher
from unheard.plays.readers import columns
from unheard.plays.readers.playlist_table import read_table
from unheard.plays.readers.taste_profile import read_taste_profile

MATCHER = Matcher(
    Tracks((Track("a"), Track("b"), Track("ç"))),
    [
        Failure("/two.mp3", Reason.DUPLICATE, "", track_id="b2", duplicate_of="b"),
        Failure("/bad.mp3", Reason.TRUNCATED, "", track_id="bad"),
    ],
)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Small files take several blocks and batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "BLOCK_BYTES", 100)
        patch.setattr(columns, "BATCH_ROWS", 3)
        patch.setattr(columns, "SLOW_BATCH_ROWS", 2)
        yield


def agree(path: Path, *, skip_unknown: bool) -> None:
    """Compare both readers of one file, errors included."""
    try:
        plays, misses, missed = read_slowly(path, MATCHER, skip_unknown=skip_unknown)
    except TableError as error:
        expected = str(error)
    else:
        expected = ""
    if expected:
        with pytest.raises(TableError) as caught:
            read_table(path, MATCHER, skip_unknown=skip_unknown)
        assert str(caught.value) == expected
        return
    found = read_table(path, MATCHER, skip_unknown=skip_unknown)
    assert [play._replace(weight=0.0) for play in found.plays] == [play._replace(weight=0.0) for play in plays]
    np.testing.assert_array_equal(found.plays.weights, np.array([play.weight for play in plays], np.float32))
    assert (found.misses, found.missed) == (misses, missed)


PLAYLISTS = st.sampled_from(["p", "q", " p", "päp,el", 'quo"te', "line\nbreak", "10", "9"])
TRACKS = st.sampled_from(["a", "b", "b2 ", "ç", "a", "b", "bad"])
WEIGHTS = st.sampled_from(["", "1", "2.5", " 3 ", "1e-3", "1_0", "7"])
TIMES = st.sampled_from(
    [
        *("", "1700000000", "1700000000.25", "20200102", "2020-01-02", "2020-01-02 03:04", "-5", "2020-W01-1", " 12 "),
        *("2020-01-02T03:04:05.678901Z", "2020-01-02T03:04:05+02:00"),
    ]
)
BAD = st.sampled_from(
    [("playlist_id", ""), ("playlist_id", " "), ("track_id", ""), ("track_id", "zzz"), ("position", "x")]
    + [("position", ""), ("position", "1.5"), ("position", "1e300"), ("position", "nan"), ("position", "0")]
    + [("weight", bad) for bad in ("0", "-1", "nan", "inf", "many", "1e39", "1e-50")]
    + [("timestamp", bad) for bad in ("yesterday", "nan", "inf", "2020-13-01")]
)


@given(
    rows=st.lists(st.tuples(PLAYLISTS, TRACKS, WEIGHTS, TIMES), min_size=1, max_size=20),
    optional=st.sets(st.sampled_from(["position", "weight", "timestamp"])),
    bad=st.none() | BAD,
    at=st.integers(0, 19),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    blank=st.booleans(),
    skip_unknown=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_csv(
    rows: list[tuple[str, str, str, str]],
    optional: set[str],
    bad: tuple[str, str] | None,
    at: int,
    quoting: int,
    end: str,
    blank: bool,
    skip_unknown: bool,
    order: object,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    positions = list(range(len(rows)))
    order.shuffle(positions)  # type: ignore[attr-defined]
    table = [
        {"playlist_id": playlist, "track_id": track, "position": str(n), "weight": weight, "timestamp": time}
        for (playlist, track, weight, time), n in zip(rows, positions, strict=True)
    ]
    if bad is not None:
        table[at % len(table)][bad[0]] = bad[1]
    names = ["playlist_id", "track_id", *sorted(optional)]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, extrasaction="ignore", quoting=quoting, lineterminator=end)  # type: ignore[arg-type]
    writer.writeheader()
    for row in table:
        writer.writerow(row)
        if blank:
            out.write(end)
    path = tmp_path_factory.getbasetemp() / "agree.csv"
    path.write_bytes(out.getvalue().encode())
    agree(path, skip_unknown=skip_unknown)


@pytest.mark.parametrize(
    "text",
    [
        "playlist_id,track_id\np,a\np,b,\n",
        "playlist_id,track_id\np,a\np\n",
        'playlist_id,track_id\np,a\n"p,b\n',
        "\n\n playlist_id , track_id \n\np,a\n\n\nq,zzz\n",
        "playlist_id,track_id,position\np,a,1\nq,a,1\np,b,1\nq,a,1\n",
        "playlist_id,track_id,position\np,a,3000000001\np,b,-5\np,ç,12\n",
        "track_id,more,playlist_id\na,1,p\n",
        "playlist_id,track_id\r" + "p,a\r" * 40,
        "playlist_id,track_id,track_id\np,a,a\n",
        "playlist_id,track_id\n" + "p,a\n" * 30 + "long" * 90 + ",b\nq,b\n",  # longer than Arrow's blocks
    ],
)
def test_odd_files(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(text.encode())
    if "3000000001" in text:  # the only difference: positions that int32 cannot hold count for their order alone
        plays, _, _ = read_slowly(path, MATCHER, skip_unknown=False)
        assert [play.track_id for play in plays] == ["b", "ç", "a"]
        assert list(read_table(path, MATCHER, skip_unknown=False).plays) == [
            play._replace(position=position) for position, play in enumerate(plays)
        ]
    else:
        agree(path, skip_unknown=False)


@pytest.mark.parametrize(
    "table",
    [
        {"playlist_id": [1, 2, 1], "track_id": ["a", "b", "b2"], "position": [2, 1, 1]},
        {"playlist_id": ["p", "q"], "track_id": ["a", "b"], "weight": [1.5, None], "timestamp": [1.5e9, None]},
        {"playlist_id": ["p", "q"], "track_id": ["a", None]},
        {"playlist_id": ["p", "p"], "track_id": ["a", "b"], "position": [1.0, 1.5]},
        {"playlist_id": ["p", "p"], "track_id": ["a", "b"], "position": [1, None]},
        {"playlist_id": ["p", "p"], "track_id": ["a", "b"], "weight": [1.0, float("nan")]},
        {"playlist_id": ["p", "p"], "track_id": ["a", "b"], "weight": [True, False]},
        {"playlist_id": ["p"] * 9, "track_id": ["a", "b", "bad"] * 3, "weight": [1] * 8 + [0]},
        {"playlist_id": ["p", "q"], "track_id": ["a", "b"], "timestamp": [date(2020, 1, 2), None]},
        {"playlist_id": ["p"], "track_id": ["a"], "timestamp": [datetime(2020, 1, 2, 3, 4, 5, 6)]},  # noqa: DTZ001
        {"playlist_id": ["p"], "track_id": ["a"], "timestamp": [datetime(2020, 1, 2, 3, tzinfo=UTC)]},
        {"playlist_id": ["p", "q"], "track_id": ["a", "b"], "timestamp": ["2020-01-02", "17"]},
        {"playlist": ["p"], "track_id": ["a"]},
        {"playlist_id": pa.array([], pa.string()), "track_id": pa.array([], pa.string())},
        {
            "playlist_id": pa.array(["p", "q"], pa.large_string()),
            "track_id": pa.array(["b", "a"]).dictionary_encode(),
        },
    ],
)
def test_parquet(table: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table(table), path)
    agree(path, skip_unknown=False)


@pytest.mark.parametrize("row", [1, 4, 30])
def test_the_line_that_is_not_utf_8(row: int, tmp_path: Path) -> None:
    lines = [b"playlist_id,track_id", *[b"p,a"] * 30]
    lines[row] = b"p,\xff"
    path = tmp_path / "p.csv"
    path.write_bytes(b"\n".join(lines) + b"\n")
    agree(path, skip_unknown=True)
    with pytest.raises(TableError, match="not UTF-8") as caught:
        read_table(path, MATCHER, skip_unknown=True)
    assert caught.value.row == row + 1


def test_taste_profiles_of_several_blocks(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    rows = [(f"u{n % 3}", "a" if n % 2 else "no", n + 1) for n in range(60)]
    path.write_text("".join(f"{user}\t{song}\t{count}\n" for user, song, count in rows))
    found = read_taste_profile(path, MATCHER)
    assert list(found.plays) == sorted(
        Play(user, "a", n // 3, float(count)) for n, (user, song, count) in enumerate(rows) if song == "a"
    )
    assert (found.misses, found.missed) == (["no"], 30)
    path.write_text(path.read_text() + "\n \nu1\t \t4\n")
    with pytest.raises(TableError, match="not `user <tab> song <tab> plays`") as caught:
        read_taste_profile(path, MATCHER)
    assert caught.value.row == 63
