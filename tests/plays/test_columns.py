"""Test the reader in columns against a reader row by row: the same plays, the same errors with the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
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


TIMES: dict[str, float | None] = {
    "": None,
    "0": None,  # unknown, as Last.fm writes it
    "12": 12.0,
    "1700000000": 1_700_000_000.0,
    "1700000000.25": 1_700_000_000.25,
    "1700000000000": 1_700_000_000.0,
    "1700000000000000": 1_700_000_000.0,
    "1700000000000000000": 1_700_000_000.0,
    "20200102": 1_577_923_200.0,
    "202001020304": 1_577_934_240.0,
    "20200102030405": 1_577_934_245.0,
    "2020-01-02": 1_577_923_200.0,
    "2020-01-02 03:04": 1_577_934_240.0,
    "2020-W01-1": 1_577_664_000.0,
    "2020-01-02T03:04:05.678901Z": 1_577_934_245.678901,
    "2020-01-02T03:04:05+02:00": 1_577_927_045.0,
    "02.01.2020 03:04": 1_577_934_240.0,
    "2 Jan 2020, 03:04": 1_577_934_240.0,
}
NO_TIMES = ("yesterday", "nan", "inf", "2020-13-01", "-5", "20209999", "5e9", "1969-12-31", "99999999999999999999")


def known_time(text: str) -> float | None:
    """Return the time of a text by the table above, or of a plain number of seconds."""
    if text in NO_TIMES:
        raise ValueError(text)
    return TIMES[text] if text in TIMES else float(text)


def agree(path: Path, *, skip_unknown: bool, parse_time: Callable[[str], float | None] = known_time) -> None:
    """Compare both readers of one file, what is left out included."""
    slow = read_slowly(path, MATCHER, parse_time, skip_unknown=skip_unknown)
    if slow.fails:
        with pytest.raises(TableError) as caught:
            read_table(path, MATCHER, skip_unknown=skip_unknown)
        if slow.invalid:
            row, problem = slow.invalid[0]
            assert caught.value.row == row
            assert caught.value.problem.startswith(problem)
        return
    found = read_table(path, MATCHER, skip_unknown=skip_unknown)
    assert [play._replace(weight=0.0) for play in found.plays] == [play._replace(weight=0.0) for play in slow.plays]
    np.testing.assert_array_equal(found.plays.weights, np.array([play.weight for play in slow.plays], np.float32))
    assert (found.misses, found.missed) == (list(dict.fromkeys(slow.misses)), len(slow.misses))
    assert found.invalid == len(slow.invalid)
    assert [(error.row, error.problem) for error in found.reasons] == slow.invalid[:10]
    assert found.left_out == slow.left_out


PLAYLISTS = st.sampled_from(["p", "q", " p", "päp,el", 'quo"te', "line\nbreak", "10", "9"])
TRACKS = st.sampled_from(["a", "b", "b2 ", "ç", "a", "b", "bad"])
WEIGHTS = st.sampled_from(["", "1", "2.5", " 3 ", "1e-3", "1_0", "7"])
BAD = st.sampled_from(
    [("playlist_id", ""), ("playlist_id", " "), ("track_id", ""), ("track_id", "zzz"), ("position", "x")]
    + [("position", ""), ("position", "1.5"), ("position", "1e300"), ("position", "nan"), ("position", "0")]
    + [("weight", bad) for bad in ("0", "0.0", "-1", "nan", "inf", "many", "1e39", "1e-50")]
    + [("timestamp", bad) for bad in NO_TIMES]
)


@given(
    rows=st.lists(st.tuples(PLAYLISTS, TRACKS, WEIGHTS, st.sampled_from(list(TIMES))), min_size=1, max_size=20),
    optional=st.sets(st.sampled_from(["position", "weight", "timestamp"])),
    bad=st.lists(st.tuples(BAD, st.integers(0, 19)), max_size=4),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    blank=st.booleans(),
    skip_unknown=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_csv(
    rows: list[tuple[str, str, str, str]],
    optional: set[str],
    bad: list[tuple[tuple[str, str], int]],
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
    for (name, value), at in bad:
        table[at % len(table)][name] = value
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
        "\n\n playlist_id , track_id \n\np,a\n\n\nq,b\n",
        "playlist_id,track_id,position\np,a,1\nq,a,1\np,b,1\nq,b,2\n",
        "track_id,more,playlist_id\na,1,p\n",
        "playlist_id,track_id\r" + "p,a\r" * 40,
        "playlist_id,track_id\n" + "p,a\n" * 30 + "long" * 90 + ",b\nq,b\n",  # longer than Arrow's blocks
    ],
)
def test_odd_files(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(text.encode())
    agree(path, skip_unknown=False)


def test_positions_that_int32_cannot_hold_count_for_their_order(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("playlist_id,track_id,position\np,a,3000000001\np,b,-5\np,ç,12\n", encoding="utf-8")
    assert list(read_table(path, MATCHER, skip_unknown=False).plays) == [
        Play("p", track, position) for position, track in enumerate(["b", "ç", "a"])
    ]


GOOD = ["p,a", "p,b", "q,a"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("p", "1 fields, the header has 2"),
        ("p,b,ç", "3 fields, the header has 2"),
        ('"p,b', "not CSV (unexpected end of data)"),
        (b"p,\xff", "not UTF-8"),
        (",a", "playlist_id is empty"),
        ("p,", "track_id is empty"),
        ("p,zzz", "track_id 'zzz' is not in the library"),
    ],
)
@pytest.mark.parametrize("before", [0, 40])
def test_a_bad_row_does_not_stop_the_others(row: str | bytes, problem: str, before: int, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    bad = row if isinstance(row, bytes) else row.encode()
    lines = [b"playlist_id,track_id", *[b"p,a"] * before, *(line.encode() for line in GOOD), bad, b"q,b", b"p,b"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    found = read_table(path, MATCHER, skip_unknown=False)
    plays = [(play.playlist_id, play.track_id) for play in found.plays]
    assert plays == [*[("p", "a")] * (before + 1), ("p", "b"), ("p", "b"), ("q", "a"), ("q", "b")]
    assert found.invalid == 1
    (reason,) = found.reasons
    assert reason.row == before + 5
    assert reason.problem.startswith(problem)


def test_extra_empty_fields_and_blank_rows_are_no_errors(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("playlist_id,track_id\np,a,\n,\n,,\np,b,,\n")
    found = read_table(path, MATCHER, skip_unknown=False)
    assert [play.track_id for play in found.plays] == ["a", "b"]
    assert (found.invalid, found.left_out) == (0, {"blank rows": 2})


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("playlist_id,track_id\np,zzz\np,yyy\np,a\n", 2, r"'zzz' is not in the library \(2 of 3 rows"),
        ("playlist_id,track_id,track_id\np,a,a\n", 1, "occurs twice"),
        ("playlist_id,track_id,weight\np,a,0\np,b,0\n", None, "no plays in it \\(2 rows with weight 0\\)"),
        ("playlist_id,track_id,weight\np,a,0\np,zzz,1\n", 3, "'zzz' is not in the library"),
        ("playlist_id,track_id\n,\n", None, "no rows"),
    ],
)
def test_a_table_of_mostly_bad_rows_is_one_problem(text: str, row: int | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read_table(path, MATCHER, skip_unknown=False)
    assert caught.value.row == row


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ('u,a,"1,5"', [1.5]),
        ('u,a,"1.234,5"\nu,b,"1,234.5"', [1234.5, 1234.5]),
        ('u,a,"1,234,567"\nu,b,1 234', [1_234_567, 1234]),
        ('u,a,"0,125"', [0.125]),
        ('u,a,"1,234"\nu,b,2\nu,b,3', [2, 3]),  # 1.234 or 1234
    ],
)
def test_numbers_with_commas(text: str, weights: list[float], tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"playlist_id,track_id,weight\n{text}\n")
    found = read_table(path, MATCHER, skip_unknown=False)
    assert found.plays.weights.tolist() == weights
    if len(weights) < text.count("u,"):
        assert "'1,234', one or a thousand times more" in str(found.reasons[0])


PLAIN = "playlist_id,track_id,weight\np,a,2\nq,b,1.5\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace("playlist_id,track_id", "Playlist ID, TRACK_ID ").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", ";").replace("1.5", "1,5").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        b"sep=,\n" + PLAIN.encode(),
        b"\xef\xbb\xbfsep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),
        b'"sep=;"\n' + PLAIN.replace(",", ";").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.replace("p,a,2", '"p","a","2"').encode(),
        PLAIN.encode() + b",,\n,,\n",
    ],
)
def test_one_table_in_many_dialects(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    found = read_table(path, MATCHER, skip_unknown=False)
    assert list(found.plays) == [Play("p", "a", 0, 2.0), Play("q", "b", 0, 1.5)]
    assert found.invalid == 0


def test_a_clean_table_is_never_read_row_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("read row by row")

    monkeypatch.setattr(columns, "table_lines", fail)
    path = tmp_path / "p.csv"
    path.write_text("playlist_id;track_id;weight;timestamp\n" + "p;a;2;1700000000000\nq;b;0;\n;;;\n" * 100)
    found = read_table(path, MATCHER, skip_unknown=False)
    assert len(found.plays) == 100
    assert found.left_out == {"blank rows": 100, "rows with weight 0": 100}


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
        {
            "playlist_id": pa.array(["p", "q"], pa.large_string()),
            "track_id": pa.array(["b", "a"]).dictionary_encode(),
        },
    ],
)
def test_parquet(table: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table(table), path)
    agree(path, skip_unknown=False, parse_time=iso_time)


def iso_time(text: str) -> float | None:
    """Return the time of a cell as Python writes it."""
    if not text or text == "None":
        return None
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


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
    found = read_taste_profile(path, MATCHER)
    assert (len(found.plays), found.missed, found.invalid) == (30, 30, 1)
    assert "row 63: not `user <tab> song <tab> plays`" in str(found.reasons[0])
