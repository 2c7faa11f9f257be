"""The commands of docs/how-to/listenbrainz.md, against a stand-in for the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.how_to.pages import run_page
from tests.listenbrainz.stand_in import TOKEN, USER, StandIn, running
from unheard.listenbrainz import client


def test_the_commands_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(StandIn()) as server:
        for number in range(12):
            server.listen(1_700_000_000 + number, f"Song {number % 7}", f"Artist {number}")
        for number in range(40):
            for song in range(7):
                found = {"artist_credit_name": f"Artist {number}", "recording_name": f"Song {song}"}
                found["recording_mbid"] = f"{number:08x}-{song:04x}-4000-8000-000000000000"
                server.recordings[(f"artist {number}", f"song {song}")] = found
        monkeypatch.setenv("UNHEARD_LISTENBRAINZ_API", server.url)
        monkeypatch.setenv("LISTENBRAINZ_TOKEN", TOKEN)
        monkeypatch.setattr(client, "SECONDS_PER_REQUEST", 0.0)
        ran = run_page("listenbrainz.md", {})
    assert f"{USER}: 11 new listens" in ran[0].stderr or f"{USER}: 12 new listens" in ran[0].stderr
    assert f"{USER}: 0 new listens" in ran[1].stderr
    (playlist,) = server.playlists.values()
    assert playlist["title"] == "Discoveries"
    assert len(playlist["track"]) > 10
