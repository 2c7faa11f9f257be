"""Tests of the world on disk: tables, files, tags, broken files; equal for any number of jobs and after a kill."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from unheard.demo.audio_files import write_track
from unheard.demo.generator import build_world
from unheard.demo.render import perform
from unheard.demo.world import FORMATS, Format, GeneratedTrack, draw_bands, draw_tracks
from unheard.errors import UserError

pytestmark = pytest.mark.slow


def build(out: Path, *, seed: int = 4, n_tracks: int = 14, jobs: int = 1) -> None:
    build_world(out, seed=seed, n_bands=10, n_tracks=n_tracks, n_playlists=30, seconds=2.5, jobs=jobs)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "world"
    build(out)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def good(world: Path) -> list[dict[str, str]]:
    return [row for row in rows(world / "tracks.csv") if "broken-files" not in row["path"]]


def files(world: Path) -> dict[str, bytes]:
    return {str(path.relative_to(world)): path.read_bytes() for path in world.rglob("*") if path.is_file()}


def samples(world: Path) -> dict[str, bytes]:
    return {row["track_id"]: soundfile.read(world / row["path"], dtype="float32")[0].tobytes() for row in good(world)}


def test_tables_name_files_that_are_there_and_nothing_else_is(world: Path) -> None:
    tracks = rows(world / "tracks.csv")
    assert list(tracks[0]) == ["track_id", "path", "title", "artist", "album", "release_date", "genre"]
    assert len({row["track_id"] for row in tracks}) == len(tracks) == 14 + 5
    tables = {"tracks.csv", "playlists.csv", "truth.json", "world.json", "README.md"}
    assert set(files(world)) == {row["path"] for row in tracks} | tables


def test_playlists_name_good_tracks_in_order(world: Path) -> None:
    known = {row["track_id"] for row in good(world)}
    plays = rows(world / "playlists.csv")
    assert list(plays[0]) == ["playlist_id", "position", "track_id"]
    assert {row["track_id"] for row in plays} <= known
    positions: dict[str, list[int]] = {}
    for row in plays:
        positions.setdefault(row["playlist_id"], []).append(int(row["position"]))
    assert len(positions) == 30
    assert all(places == list(range(len(places))) for places in positions.values())


def test_audio_decodes_whole_within_full_scale_with_readable_tags(world: Path) -> None:
    for row in good(world):
        audio, rate_hz = soundfile.read(world / row["path"], dtype="float32", always_2d=True)
        assert len(audio) == soundfile.info(world / row["path"]).frames
        assert 0.75 * 2.5 <= len(audio) / rate_hz <= 1.2 * 2.5 + 0.1  # an encoder may pad
        assert 0.03 < np.abs(audio).max() < 1.0
        assert abs(float(audio.mean())) < 2e-3
        tags = mutagen.File(world / row["path"], easy=True)
        if row["path"].endswith(".wav"):
            assert (str(tags["TIT2"]), str(tags["TPE1"])) == (row["title"], row["artist"])
        else:
            assert (tags["title"], tags["artist"], tags["album"]) == ([row["title"]], [row["artist"]], [row["album"]])
            assert (tags["genre"], tags["date"]) == ([row["genre"]], [row["release_date"]])


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_carries_the_music_and_the_tags(tmp_path: Path, file_format: Format) -> None:
    rng = np.random.default_rng(0)
    drawn = draw_tracks(draw_bands(1, rng), 1, seconds=2.0, seed=0, rng=rng)[0]
    track = GeneratedTrack(**{**vars(drawn), "format": file_format, "title": "Été à Ostra"})
    wanted = perform(track)
    write_track(tmp_path / track.path, track, wanted)
    found, rate_hz = soundfile.read(tmp_path / track.path, dtype="float32", always_2d=True)
    assert rate_hz == track.rate_hz
    assert 0 <= len(found) - len(wanted) < 2_400  # MP3 has whole frames only
    if len(found) == len(wanted):
        assert np.corrcoef(found[:, 0], wanted[:, 0])[0, 1] > 0.97
    assert track.title in str(mutagen.File(tmp_path / track.path).tags)


def test_broken_files_are_broken_as_named(world: Path) -> None:
    tracks = {row["track_id"]: row for row in rows(world / "tracks.csv")}
    path = {name: world / tracks[f"x-{name}"]["path"] for name in ("empty", "text", "silent", "truncated", "duplicate")}
    assert path["empty"].stat().st_size == 0
    assert "lamp oil" in path["text"].read_text(encoding="utf-8")
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(path["text"])
    assert not soundfile.read(path["silent"])[0].any()
    promised = soundfile.info(path["truncated"]).frames
    try:
        found = len(soundfile.read(path["truncated"])[0])
    except soundfile.LibsndfileError:
        found = 0
    assert found < 0.9 * promised
    twins = [row for row in good(world) if (world / row["path"]).read_bytes() == path["duplicate"].read_bytes()]
    assert len(twins) == 1
    assert twins[0]["title"] == tracks["x-duplicate"]["title"]
    assert twins[0]["track_id"] == min(tracks)  # any order by id meets the good one first


def test_readme_and_truth_say_that_it_is_simulated(world: Path) -> None:
    assert "SIMULATED" in (world / "README.md").read_text(encoding="utf-8")
    truth = json.loads((world / "truth.json").read_text(encoding="utf-8"))
    assert "SIMULATED" in truth["warning"]
    assert set(truth["tracks"]) == {row["track_id"] for row in good(world)}


def test_jobs_do_not_change_a_sample(world: Path, tmp_path: Path) -> None:
    build(tmp_path / "two", jobs=2)
    assert samples(tmp_path / "two") == samples(world)
    for name in ("tracks.csv", "playlists.csv", "truth.json"):
        assert (tmp_path / "two" / name).read_bytes() == (world / name).read_bytes()


def test_another_seed_is_another_world(world: Path, tmp_path: Path) -> None:
    build(tmp_path / "other", seed=5)
    assert (tmp_path / "other" / "tracks.csv").read_bytes() != (world / "tracks.csv").read_bytes()


def test_a_killed_build_goes_on_and_a_finished_one_does_nothing(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"

    def kill_after_five(what: str, done: int, total: int) -> None:
        assert total == 14
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_world(out, seed=4, n_bands=10, n_tracks=14, n_playlists=30, seconds=2.5, jobs=1, progress=kill_after_five)
    assert not (out / "tracks.csv").exists()
    made = [path for path in out.rglob("*") if path.suffix in {".ogg", ".mp3", ".flac", ".wav"}]
    assert len(made) == 5
    times = {path: path.stat().st_mtime_ns for path in made}
    half = made[0].with_name(".half.ogg.1.partial")
    half.write_bytes(b"half a file")
    build(out)
    assert not half.exists()
    assert {path: path.stat().st_mtime_ns for path in made} == times  # what was made was kept
    assert samples(out) == samples(world)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    build(out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_file_that_was_deleted_is_made_again(world: Path, tmp_path: Path) -> None:
    build(tmp_path / "w")
    row = good(tmp_path / "w")[3]
    (tmp_path / "w" / row["path"]).unlink()
    (tmp_path / "w" / "playlists.csv").unlink()
    build(tmp_path / "w")
    assert samples(tmp_path / "w") == samples(world)
    assert (tmp_path / "w" / "playlists.csv").read_bytes() == (world / "playlists.csv").read_bytes()


def test_progress_ends_at_its_total(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    build_world(
        tmp_path / "w",
        n_bands=2,
        n_tracks=2,
        n_playlists=3,
        seconds=1.0,
        jobs=1,
        progress=lambda *step: seen.append(step),
    )
    assert seen == [
        ("making music", 1, 2),
        ("making music", 2, 2),
        ("simulating listeners", 0, 3),
        ("simulating listeners", 3, 3),
    ]


def test_a_folder_with_other_files_is_refused(world: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="not a demo world"):
        build(tmp_path)
    with pytest.raises(UserError, match="not a demo world"):
        build(tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("marker", ["not json", '{"world": "something else"}'])
def test_another_world_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / "world.json").write_text(marker, encoding="utf-8")
    with pytest.raises(UserError, match="another demo world"):
        build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["world.json"]


def test_another_size_of_the_same_world_is_another_world(world: Path) -> None:
    with pytest.raises(UserError, match="delete it or name another folder"):
        build(world, n_tracks=15)


@pytest.mark.parametrize(
    ("n_bands", "n_tracks", "n_playlists", "seconds", "jobs", "seed"),
    [(0, 5, 5, 2.0, 1, 0), (5, 4, 5, 2.0, 1, 0), (2, 4, 0, 2.0, 1, 0), (2, 4, 5, 0.5, 1, 0), (2, 4, 5, 2.0, 0, 0),
     (2, 4, 5, 2.0, 1, -1)],
)  # fmt: skip
def test_impossible_sizes_are_refused(
    tmp_path: Path, n_bands: int, n_tracks: int, n_playlists: int, seconds: float, jobs: int, seed: int
) -> None:
    with pytest.raises(UserError, match="cannot be built"):
        build_world(
            tmp_path / "w",
            seed=seed,
            n_bands=n_bands,
            n_tracks=n_tracks,
            n_playlists=n_playlists,
            seconds=seconds,
            jobs=jobs,
        )
    assert not (tmp_path / "w").exists()
