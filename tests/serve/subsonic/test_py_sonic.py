"""A third real client, py-sonic (development only): Subsonic as it was before its extensions."""

from __future__ import annotations

import pytest

from tests.serve.subsonic.conftest import USER, Player

libsonic = pytest.importorskip("libsonic", reason="py-sonic is not installed; pip install py-sonic")
pytestmark = [
    pytest.mark.usefixtures("nothing_kept"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the client
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CALLS: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("getLicense", ()),
    ("getMusicFolders", ()),
    ("getIndexes", ()),
    ("getMusicDirectory", ("1",)),
    ("getArtists", ()),
    ("getSong", ("tr-t05-3",)),
    ("search2", ("song",)),
    ("search3", ("song",)),
    ("getAlbumList", ("newest",)),
    ("getAlbumList2", ("newest",)),
    ("getRandomSongs", ()),
    ("getGenres", ()),
    ("getSimilarSongs", ("tr-t05-3",)),
    ("getSimilarSongs2", ("tr-t05-3",)),
    ("getTopSongs", ("Artist 5",)),
    ("star", (["tr-t05-3"],)),
    ("getStarred", ()),
    ("getStarred2", ()),
    ("setRating", ("tr-t05-3", 4)),
    ("scrobble", ("tr-t05-3",)),
    ("getNowPlaying", ()),
    ("createPlaylist", (None, "x", ["tr-t05-3"])),
    ("getPlaylists", ()),
    ("getUser", (USER,)),
    ("getPlayQueue", ()),
    ("getScanStatus", ()),
    ("getLyrics", ("Artist 0", "Song 0")),
)


def test_a_session_of_a_player(player: Player) -> None:
    host, _, port = player.url.rpartition(":")
    client = libsonic.Connection(host, USER, player.secret, port=int(port), appName="test")
    assert client.ping()
    for name, arguments in CALLS:
        assert getattr(client, name)(*arguments)["status"] == "ok", name
    with client.stream("tr-t00-0") as sent:
        assert len(sent.read()) == player.answer("getSong", id="tr-t00-0")["song"]["size"]
    with client.getCoverArt("tr-t00-0") as sent:
        assert sent.read().startswith(b"\xff\xd8")
    with pytest.raises(libsonic.errors.DataNotFoundError):
        client.getSong("tr-none")
