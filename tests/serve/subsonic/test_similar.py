"""Similar songs and artists, and sonic similarity against the definition, computed from the vectors themselves."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from tests.builders.player_world import GONE, ODD, WITHOUT_FILE
from tests.builders.server import running
from tests.serve.subsonic.conftest import Player
from unheard.serve import client_ids
from unheard.serve.config import ServeConfig
from unheard.serve.subsonic.similar import similarity
from unheard.session import Session
from unheard.thumbs import set_thumb


@pytest.fixture(scope="module")
def session(player: Player) -> Session:
    return Session(player.workspace.root)


def test_sonic_similarity_is_half_of_one_plus_the_cosine(player: Player, session: Session) -> None:
    track_ids, directions = session.catalogue.tracks.ids, session.directions
    found = player.answer("getSonicSimilarTracks", id="tr-t05-3", count=12)["sonicMatch"]
    row = track_ids.row("t05-3")
    for one in found:
        other = track_ids.row(client_ids.track_of(one["entry"]["id"]) or "")
        assert one["similarity"] == pytest.approx((1 + directions[row] @ directions[other]) / 2, abs=1e-5)
        assert 0 <= one["similarity"] <= 1
    values = [one["similarity"] for one in found]
    assert values == sorted(values, reverse=True)
    cosines = directions @ directions[row]
    hidden = [track_ids.row(name) for name in (GONE, WITHOUT_FILE)]
    others = np.delete(np.arange(len(cosines)), [row, *hidden])
    best = {track_ids[int(others[at])] for at in np.argsort(-cosines[others])[:12]}
    assert {client_ids.track_of(one["entry"]["id"]) for one in found} == best


def test_the_default_counts_are_those_of_the_extension(player: Player) -> None:
    assert len(player.answer("getSonicSimilarTracks", id="tr-t05-3")["sonicMatch"]) == 10
    path = player.answer("findSonicPath", startSongId="tr-t05-3", endSongId="tr-t20-1")["sonicMatch"]
    assert len(path) == 25


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_a_path_starts_and_ends_with_the_given_songs(player: Player, session: Session, count: int) -> None:
    path = player.answer("findSonicPath", startSongId="tr-t05-3", endSongId="tr-t20-1", count=count)["sonicMatch"]
    entries = [one["entry"]["id"] for one in path]
    assert (entries[0], entries[-1]) == ("tr-t05-3", "tr-t20-1")
    assert len(set(entries)) == len(entries) <= max(count, 2)
    assert path[0]["similarity"] == 1
    track_ids, directions = session.catalogue.tracks.ids, session.directions
    start = directions[track_ids.row("t05-3")]
    for one in path[1:]:
        cosine = float(start @ directions[track_ids.row(client_ids.track_of(one["entry"]["id"]) or "")])
        assert one["similarity"] == pytest.approx(similarity(cosine), abs=1e-5)


def test_a_path_to_the_same_song_is_that_song(player: Player) -> None:
    path = player.answer("findSonicPath", startSongId="tr-t05-3", endSongId="tr-t05-3")["sonicMatch"]
    assert [(one["entry"]["id"], one["similarity"]) for one in path] == [("tr-t05-3", 1)]


def test_a_song_without_a_vector_has_neither_neighbours_nor_path(player: Player) -> None:
    """`ODD` was scanned after the training."""
    given = client_ids.of_track(ODD)
    assert player.answer("getSonicSimilarTracks", id=given)["sonicMatch"] == []
    assert player.code("findSonicPath", startSongId=given, endSongId="tr-t20-1") == 0
    assert player.code("findSonicPath", startSongId="tr-t20-1") == 10
    assert player.code("findSonicPath", startSongId="tr-t20-1", endSongId="tr-none") == 70
    assert player.code("getSonicSimilarTracks") == 10


@pytest.mark.usefixtures("nothing_kept")
def test_songs_with_a_thumb_down_are_in_no_list(player: Player) -> None:
    asked = (
        ("getSonicSimilarTracks", {"id": "tr-t05-3"}),
        ("findSonicPath", {"startSongId": "tr-t05-3", "endSongId": "tr-t20-1"}),
    )
    for name, parameters in asked:
        disliked = player.answer(name, **parameters)["sonicMatch"][1]["entry"]["id"]
        set_thumb(player.workspace, disliked.removeprefix("tr-"), "down")
        assert disliked not in {one["entry"]["id"] for one in player.answer(name, **parameters)["sonicMatch"]}
    songs = player.answer("getSimilarSongs2", id="tr-t05-3")["similarSongs2"]["song"]
    set_thumb(player.workspace, songs[0]["id"].removeprefix("tr-"), "down")
    assert songs[0] not in player.answer("getSimilarSongs2", id="tr-t05-3")["similarSongs2"]["song"]


def test_similar_songs_are_the_models_own(player: Player, session: Session) -> None:
    options = {"n": 20, "candidates": "all", "max_per_artist": 3, "max_per_album": None}
    expected, _ = session.similar("t05-3", exclude={GONE, WITHOUT_FILE}, **options)  # type: ignore[arg-type]
    for name in ("getSimilarSongs", "getSimilarSongs2"):
        found = player.answer(name, id="tr-t05-3", count=20)[name.removeprefix("get")[:1].lower() + name[4:]]["song"]
        assert [client_ids.track_of(one["id"]) for one in found] == expected
    artist = player.answer("getSong", id="tr-t05-3")["song"]["artistId"]
    for given in (artist, player.answer("getSong", id="tr-t05-3")["song"]["albumId"]):
        songs = player.answer("getSimilarSongs", id=given, count=30)["similarSongs"]["song"]
        assert len(songs) == 30
        assert {GONE, WITHOUT_FILE}.isdisjoint(client_ids.track_of(one["id"]) for one in songs)
    assert player.answer("getSimilarSongs", id=artist, count=0)["similarSongs"]["song"] == []


def test_similar_artists_have_the_nearest_mean_vectors(player: Player, session: Session) -> None:
    """Against the definition, over the tracks that players see."""
    means: dict[str, list[np.ndarray]] = {}
    for row, track in enumerate(session.catalogue.tracks.items):
        if track.track_id not in (GONE, WITHOUT_FILE):
            means.setdefault(track.artists[0], []).append(session.directions[row])
    vectors = {name: np.sum(rows, axis=0) for name, rows in means.items()}
    unit = {name: one / np.linalg.norm(one) for name, one in vectors.items() if np.any(one)}
    expected = sorted(unit.keys() - {"Artist 5"}, key=lambda name: -float(unit[name] @ unit["Artist 5"]))
    artist = client_ids.of_artist("Artist 5")
    found = player.answer("getArtistInfo2", id=artist, count=8)["artistInfo2"]["similarArtist"]
    assert [one["name"] for one in found] == expected[:8]
    assert len(player.answer("getArtistInfo", id=artist)["artistInfo"]["similarArtist"]) == 20
    assert player.answer("getArtistInfo2", id="tr-t05-3", count=8)["artistInfo2"]["similarArtist"] == found


def test_a_model_without_vectors_says_that_similarity_is_unsupported(player: Player) -> None:
    config = ServeConfig(workspace=player.workspace.root, model="popularity")
    with running(config) as url, httpx.Client(base_url=url, timeout=60) as client:
        other = Player(url, player.workspace, player.secret, client)
        found = other.answer("getSonicSimilarTracks", id="tr-t05-3", count=5)["sonicMatch"]
        assert len(found) == 5
        assert {one["similarity"] for one in found} == {-1}
        names = [one["name"] for one in other.answer("getOpenSubsonicExtensions")["openSubsonicExtensions"]]
        assert "sonicSimilarity" not in names
        assert other.code("findSonicPath", startSongId="tr-t05-3", endSongId="tr-t20-1") == 0
        assert other.answer("getArtistInfo2", id=client_ids.of_artist("Artist 5"))["artistInfo2"]["similarArtist"] == []
