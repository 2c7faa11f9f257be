"""Tests of the lists that become playlists, and of the same lists as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from unheard.errors import MissingStageError, UserError
from unheard.recommend.export import ListEntry, entries_of, export
from unheard.session import Session
from unheard.spotify.m3u_files import file_stem, write_files
from unheard.spotify.seed_lists import MAX_NAME, NamedList, nearest_lists, playlist_name
from unheard.workspace import Workspace


@pytest.fixture(scope="module")
def lists(workspace: Workspace) -> list[NamedList]:
    return nearest_lists(workspace, ["t09-1", "t03-2", "t09-1"], k=4)


def test_every_seed_under_every_trained_model_and_the_oracle(lists: list[NamedList]) -> None:
    assert [item.name for item in lists] == [
        f"unheard: {seed} ({model})"
        for seed in ("Artist 9 - Song 1", "Artist 3 - Song 2")
        for model in ("toy", "toy@1", "toy@2", "oracle")
    ]


def test_the_seed_is_first_followed_by_its_neighbours(lists: list[NamedList], workspace: Workspace) -> None:
    session = Session(workspace.root, model="toy@1")
    ids, _ = session.similar("t03-2", candidates="cold", n=4)
    assert [track.track_id for track in lists[5].tracks] == ["t03-2", *ids]
    assert [track.track_id for track in lists[5].tracks] == ["t03-2", *ids]
    assert "model toy@1, split artists, cold candidates" in lists[5].description


def test_candidates_and_the_artist_cap_reach_the_ranking(workspace: Workspace) -> None:
    (item,) = nearest_lists(
        workspace, ["t03-2"], models=["oracle"], split="tracks", k=9, candidates="all", max_per_artist=9
    )
    ids, _ = Session(workspace.root, split="tracks", model="oracle").similar("t03-2", n=9, max_per_artist=9)
    assert [track.track_id for track in item.tracks[1:]] == ids


def test_files_are_what_export_writes(lists: list[NamedList], workspace: Workspace, tmp_path: Path) -> None:
    written = write_files(lists, tmp_path / "lists")
    assert [n for _, n in written] == [5] * 8
    assert len(list((tmp_path / "lists").iterdir())) == 8
    session = Session(workspace.root, model="toy")
    tracks = session.catalogue.tracks
    near = session.neighbours("t09-1", candidates="cold", n=4)
    entries = [ListEntry(tracks[session.catalogue.track_row("t09-1")]), *entries_of(near, tracks)]
    expected = tmp_path / "lists" / "expected.m3u8"
    export(expected, entries, title="unheard: Artist 9 - Song 1 (toy)")
    assert written[0][0].name == "unheard - Artist 9 - Song 1 (toy).m3u8"
    assert written[0][0].read_bytes() == expected.read_bytes()
    assert write_files(lists, tmp_path / "lists") == written


def test_names_are_cut_before_the_model() -> None:
    assert playlist_name("p", "Ace\nof\x00 Spades", "cnn") == "p: Ace of Spades (cnn)"
    name = playlist_name("unheard", "x" * 300, "triplet@2")
    assert len(name) == MAX_NAME
    assert name.endswith("x… (triplet@2)")
    assert playlist_name("p", "Jo\u0301ga", "m") == "p: J\u00f3ga (m)"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("unheard: AC/DC - T.N.T. (cnn)", "unheard - AC-DC - T.N.T. (cnn)"),
        ("..", "_"),
        ('a<b>c"d\\e|f?g*h', "a-b-c-d-e-f-g-h"),
        ("trailing. ", "trailing"),
    ],
)
def test_file_names(name: str, stem: str) -> None:
    assert file_stem(name) == stem


def test_file_names_fit_a_file_system() -> None:
    assert len(file_stem("é" * 300).encode()) == 240


def test_two_playlists_of_one_name_are_refused(workspace: Workspace) -> None:
    with pytest.raises(UserError, match=r"two playlists would be called 'unheard: Artist 8 - Silence"):
        nearest_lists(_with_a_twin(workspace), ["silent", "silent-2"], models=["oracle"], k=1)


def _with_a_twin(workspace: Workspace) -> Workspace:
    """Return the world with one more track that has the name of another."""
    import shutil

    from unheard.library import Library

    root = workspace.root.with_name("twin")
    shutil.copytree(workspace.root, root)
    with Library(root / "library.sqlite") as library, library.transaction():
        track = library.tracks()[library.tracks().ids.row("silent")]
        library.put_track(type(track)("silent-2", title=track.title, artists=track.artists))
    return Workspace.open(root)


def test_wrong_requests(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no track 'nobody' among 284; did you mean 'unplayed' \("):
        nearest_lists(workspace, ["nobody"])
    with pytest.raises(UserError, match=r"no model 'cnn'; choose one of these"):
        nearest_lists(workspace, ["t09-1"], models=["cnn"])
    with pytest.raises(UserError, match=r"--name-prefix '' has 0 characters, expected 1 to 30"):
        nearest_lists(workspace, ["t09-1"], prefix=" \n")
    with pytest.raises(MissingStageError, match=r"no model is trained on split 'time'; run `unheard train"):
        nearest_lists(workspace, ["t09-1"], split="time")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"is a file; expected a folder for --m3u"):
        write_files([], tmp_path / "file")
