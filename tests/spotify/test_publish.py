"""Tests of publishing playlists to a stand-in for Spotify over HTTP."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.spotify.conftest import Connect, write_token
from tests.spotify.stand_in import ME, StandIn
from unheard.errors import UnheardError, UserError
from unheard.library import Track
from unheard.recommend.export import ListEntry
from unheard.spotify.account import Account, token_path
from unheard.spotify.publish import Published, publish
from unheard.spotify.seed_lists import MAX_NAME, NEAREST, NamedList

pytestmark = pytest.mark.slow

SEED = Track("0", title="Klavier", artists=("Rammstein",), isrc="DEN969700123")
SECOND = Track("1", title="Jóga", artists=("Björk",))
LOST = Track("2", title="Song 1", artists=("Artist 3",))


ABOUT_IT = f"{NEAREST} model cnn, split live, cold candidates."


def named(
    tracks: Sequence[Track], name: str = "unheard: Rammstein - Klavier (cnn)", *, known_as: str = ""
) -> NamedList:
    return NamedList(name, ABOUT_IT, tuple(map(ListEntry, tracks)), known_as)


@pytest.fixture
def shop(spotify: StandIn) -> StandIn:
    """Return a stand-in with both songs among many similar ones, and without the song LOST."""
    for near in ("Klavier", "Joga", "Song 1"):
        spotify.add_song(near, "Tribute Band", isrc="XX0000000000")
    spotify.add_song("Das Klavier", "Rammstein", isrc="DEN969700123")
    spotify.add_song("Joga - 2010 Remaster", "Björk", "Guest")
    spotify.add_song("Song 1", "Artist 30")
    return spotify


def test_by_isrc_and_by_names_and_no_near_miss(shop: StandIn, log_in: Connect) -> None:
    (result,) = publish([named([SEED, SECOND, LOST])], log_in())
    playlist = shop.mine()["unheard: Rammstein - Klavier (cnn)"]
    assert playlist["uris"] == ["spotify:track:song3", "spotify:track:song4"]
    assert (playlist["public"], playlist["description"]) == (False, ABOUT_IT)
    link = f"https://open.spotify.com/playlist/{playlist['id']}"
    assert result == Published("unheard: Rammstein - Klavier (cnn)", 2, 3, ("Artist 3 - Song 1 (2)",), link)
    assert result.rate == 2 / 3
    assert [seen.query["q"] for seen in shop.asked("GET", "/v1/search")] == [
        "isrc:DEN969700123",
        "track:Jóga artist:Björk",
        "track:Song 1 artist:Artist 3",
    ]


def test_an_isrc_that_spotify_does_not_have_falls_back_to_names(spotify: StandIn, log_in: Connect) -> None:
    uri = spotify.add_song("Klavier", "Rammstein", isrc="DEN969700999")
    publish([named([SEED])], log_in())
    assert next(iter(spotify.mine().values()))["uris"] == [uri]


def test_a_song_that_cannot_be_played_in_the_market_is_missing(shop: StandIn, log_in: Connect) -> None:
    shop.songs[3]["is_playable"] = False
    (result,) = publish([named([SEED, SECOND])], log_in(), market="GB")
    assert result.misses == ("Rammstein - Klavier (0)",)
    assert {seen.query["market"] for seen in shop.asked("GET", "/v1/search")} == {"GB"}


def test_a_second_run_replaces_and_does_not_duplicate(shop: StandIn, log_in: Connect) -> None:
    publish([named([SEED, SECOND])], log_in())
    publish([named([SECOND])], log_in(), public=True)
    (playlist,) = shop.mine().values()
    assert playlist["uris"] == ["spotify:track:song4"]
    assert playlist["public"] is True
    publish([named([SECOND])], log_in())
    assert playlist["public"] is True, "what the user shows is not hidden"
    assert len(shop.asked("POST", "/v1/me/playlists")) == 1


def test_all_pages_of_playlists_are_looked_through_and_only_own_ones_replaced(shop: StandIn, log_in: Connect) -> None:
    item = named([SECOND])
    other = shop.add_playlist(item.name, owner="somebody", uris=("spotify:track:keep",))
    shop.playlists += [None]
    for number in range(130):
        shop.add_playlist(f"mix {number}")
    own = shop.add_playlist(item.name, uris=("spotify:track:old",), description=f"{NEAREST} model cnn, split artists.")
    publish([item], log_in())
    assert own["uris"] == ["spotify:track:song4"]
    assert other["uris"] == ["spotify:track:keep"]
    assert len(shop.asked("GET", "/v1/me/playlists")) == 3
    assert shop.asked("POST") == []


def test_a_playlist_that_a_person_made_stays(shop: StandIn, log_in: Connect) -> None:
    """The list has another name then, also on the second run; the table says which."""
    item = named([SECOND], "x" * MAX_NAME)
    theirs = shop.add_playlist(item.name, uris=("spotify:track:keep",), description="my own")
    before = dict(theirs)
    ours = item.name[: MAX_NAME - 10] + " (unheard)"
    for _ in range(2):
        assert [one.name for one in publish([item], log_in())] == [ours]
    assert theirs == before
    assert set(shop.mine()) == {item.name, ours}


def test_a_known_playlist_is_replaced_and_named_back(shop: StandIn, log_in: Connect) -> None:
    own = shop.add_playlist("renamed", description="changed by a person")
    shop.add_playlist("taken")
    for name, becomes in (("title", "title"), ("taken", "taken (unheard)"), ("taken", "taken (unheard)")):
        publish([named([SECOND], name, known_as=own["id"])], log_in())
        assert (own["name"], own["uris"]) == (becomes, ["spotify:track:song4"])
    assert shop.asked("POST") == []


def test_more_than_a_hundred_tracks(spotify: StandIn, log_in: Connect) -> None:
    tracks = [Track(f"{n:03}", title=f"Piece{n}", artists=("A",)) for n in range(205)]
    uris = [spotify.add_song(track.title, "A") for track in tracks]
    for _ in range(2):
        publish([named(tracks)], log_in())
        assert next(iter(spotify.mine().values()))["uris"] == uris


def test_each_track_is_searched_once(shop: StandIn, log_in: Connect) -> None:
    publish([named([SECOND, SEED], "a"), named([SECOND, SEED], "b")], log_in())
    assert len(shop.asked("GET", "/v1/search")) == 2
    assert set(shop.mine()) == {"a", "b"}


def test_dry_run_writes_nothing(shop: StandIn, log_in: Connect) -> None:
    (result,) = publish([named([SEED, LOST])], log_in(), dry_run=True)
    assert (result.n_found, result.link) == (1, "")
    assert {seen.method for seen in shop.seen} == {"GET"}
    assert shop.playlists == []


def test_nothing_found_leaves_the_playlist_alone(shop: StandIn, log_in: Connect) -> None:
    before = shop.add_playlist(named([LOST]).name, uris=("spotify:track:old",))
    (result,) = publish([named([LOST])], log_in())
    assert (result.n_found, result.link) == (0, "")
    assert before["uris"] == ["spotify:track:old"]


@pytest.mark.parametrize(
    ("title", "is_found"),
    [
        ('"; isrc:DEN969700123', True),
        ("NOT OR AND *", True),
        ("a\x00b\nc", True),
        ("\u202eevil\u2066", True),
        ("100% &?#/+", True),
        ("word " * 200, True),
        ("x" * 500, False),  # no search for so long a word is allowed
        ("[]", False),  # nothing to search for
        ("\U0001f3b9", False),
    ],
)
def test_hostile_titles(spotify: StandIn, log_in: Connect, title: str, *, is_found: bool) -> None:
    """They never match another song, and are found if Spotify has them and can search for them."""
    spotify.add_song("Klavier", "A", isrc="DEN969700123")
    spotify.add_song(f"{title} cut", "A")
    item = named([Track("9", title=title, artists=("A",))])
    assert publish([item], log_in())[0].n_found == 0
    uri = spotify.add_song(title, "A")
    assert publish([item], log_in())[0].n_found == is_found
    assert not is_found or spotify.mine()[item.name]["uris"] == [uri]


# ------------------------------------------------------------------------------------------------ errors of Spotify


@pytest.mark.parametrize("wait", ["0", "1", "", "soon"])
def test_a_rate_limit_is_waited_for(shop: StandIn, log_in: Connect, wait: str) -> None:
    shop.refuse[("GET", "/v1/search")] = [(429, {"Retry-After": wait})]
    shop.refuse[("POST", "/v1/me/playlists")] = [(429, {"Retry-After": "0"})]
    publish([named([SECOND])], log_in())
    assert next(iter(shop.mine().values()))["uris"] == ["spotify:track:song4"]


def test_a_long_rate_limit_is_reported(shop: StandIn, log_in: Connect) -> None:
    shop.refuse[("GET", "/v1/search")] = [(429, {"Retry-After": "86400"})]
    with pytest.raises(UnheardError, match=r"^Spotify asks to wait 86400 seconds; run the same command again then$"):
        publish([named([SECOND])], log_in())


def test_a_server_error_is_retried_but_never_makes_two_playlists(shop: StandIn, log_in: Connect) -> None:
    shop.refuse[("GET", "/v1/search")] = [(502, {})]
    publish([named([SECOND])], log_in())
    assert len(shop.asked("GET", "/v1/search")) == 2
    shop.refuse[("POST", "/v1/me/playlists")] = [(502, {})]
    with pytest.raises(UnheardError, match=r"^Spotify answers 502: .*not now; try again later$"):
        publish([named([SECOND], "another")], log_in())
    assert len(shop.asked("POST", "/v1/me/playlists")) == 2


def test_a_server_that_keeps_failing(shop: StandIn, log_in: Connect) -> None:
    shop.refuse[("GET", "/v1/search")] = [(503, {})] * 9
    with pytest.raises(UnheardError, match=r"too many 503 error responses; try again later$") as caught:
        publish([named([SECOND])], log_in())
    assert not isinstance(caught.value, UserError)
    assert len(shop.asked("GET", "/v1/search")) == 4


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, r"the login has ended, delete .*spotify-token\.json and run again$"),
        (403, r"add this user to the application at https://developer\.spotify\.com/dashboard"),
        (404, r"^Spotify answers 404: .*not now$"),
    ],
)
def test_refusals_are_one_line(shop: StandIn, log_in: Connect, status: int, says: str) -> None:
    shop.refuse[("GET", "/v1/search")] = [(status, {})]
    with pytest.raises(UnheardError, match=says) as caught:
        publish([named([SECOND])], log_in())
    assert "\n" not in str(caught.value)


def test_answers_that_are_not_json(shop: StandIn, log_in: Connect) -> None:
    shop.refuse[("GET", "/v1/me/")] = [(204, {})]
    shop.refuse[("GET", "/v1/search")] = [(200, {})]
    with pytest.raises(UnheardError, match=r"answer has no id; try again later$"):
        log_in()
    assert publish([named([SECOND])], log_in())[0].n_found == 0


def test_no_network(shop: StandIn, log_in: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNHEARD_SPOTIFY_API", "http://127.0.0.1:9")
    with pytest.raises(UnheardError, match=r"^Spotify cannot be reached \(ConnectionError\); check the network"):
        log_in()


# ------------------------------------------------------------------------------------------------------ the token


def test_an_expired_token_is_refreshed_and_kept_private(shop: StandIn, log_in: Connect) -> None:
    write_token("an-old-one", seconds=-10)
    shop.token = "a-new-one"
    publish([named([SECOND])], log_in())
    assert [seen.body["grant_type"] for seen in shop.asked("POST", "/api/token")] == ["refresh_token"]
    assert "a-new-one" in token_path().read_text()
    assert stat.S_IMODE(token_path().stat().st_mode) == 0o600
    publish([named([SECOND])], log_in())
    assert len(shop.asked("POST", "/api/token")) == 1


def test_a_token_that_ended_early(shop: StandIn, log_in: Connect) -> None:
    shop.token = "another"
    with pytest.raises(UserError, match=r"^Spotify answers 401: .*expired; the login has ended, delete "):
        log_in()


def test_a_revoked_login(shop: StandIn, log_in: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    write_token("an-old-one", seconds=-10)
    monkeypatch.setenv("SPOTIPY_CLIENT_SECRET", "wrong")
    with pytest.raises(UserError, match=r"^Spotify refuses the login \(.*revoked\); check SPOTIPY_CLIENT_ID"):
        log_in()


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}"])
def test_without_a_usable_token_and_a_terminal(spotify: StandIn, log_in: Connect, kept: str) -> None:
    token_path().write_text(kept)
    with pytest.raises(UserError, match=r"^not logged in to Spotify; run the command once in a terminal"):
        log_in()


def test_a_cache_folder_that_is_a_file(
    spotify: StandIn, log_in: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(
        UserError, match=r"/file/unheard: Not a directory; the login is kept there, so make it writable$"
    ):
        log_in()


@pytest.mark.parametrize("value", ["", "  ", "cliént"])
def test_missing_credentials(spotify: StandIn, log_in: Connect, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", value)
    monkeypatch.delenv("SPOTIPY_REDIRECT_URI")
    with pytest.raises(UserError, match=r"SPOTIPY_CLIENT_ID, SPOTIPY_REDIRECT_URI; make an application at https://"):
        log_in()


def test_the_account_is_the_users(spotify: StandIn, log_in: Connect) -> None:
    account = log_in()
    assert isinstance(account, Account)
    assert account.user_id == ME
