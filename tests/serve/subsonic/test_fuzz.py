"""Any parameters at all: an answer or an error of the specification, well formed in both formats, and never a 500."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.player_world import ODD
from tests.serve.subsonic.conftest import Player
from tests.serve.subsonic.requests_of_players import FILES, requests
from unheard.serve import client_ids
from unheard.serve.subsonic.endpoints import ENDPOINTS
from unheard.serve.subsonic.errors import Code

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("nothing_kept")]

NAMES = (
    *(
        "id",
        "albumId",
        "artistId",
        "songId",
        "playlistId",
        "musicFolderId",
        "name",
        "query",
        "genre",
        "artist",
        "title",
    ),
    *(
        "count",
        "size",
        "offset",
        "songCount",
        "songOffset",
        "albumCount",
        "artistCount",
        "artistOffset",
        "type",
        "rating",
    ),
    *(
        "fromYear",
        "toYear",
        "submission",
        "time",
        "current",
        "position",
        "songIdToAdd",
        "songIndexToRemove",
        "username",
    ),
    *("startSongId", "endSongId", "ifModifiedSince", "f", "v", "c", "comment", "public", "maxBitRate", "format"),
)
IDS = (
    "1",
    "tr-t00-0",
    "tr-t05-3",
    "tr-none",
    client_ids.of_track(ODD),
    "tx-",
    "tx-====",
    "pl-my-likes",
    "pl-../x",
    "im-cDAw",
    "al-",
    "ar-",
)
NUMBERS = ("0", "1", "-1", "5", "500", "99999999999999999999", "1e9", "0x1", "٣", "NaN", " 7 ", "--1", "true")
WORDS = (
    "random",
    "byYear",
    "byGenre",
    "newest",
    "Rock",
    "Artist 5",
    '""',
    "*",
    "\x00",
    "\ud7ff\uffff",
    "%",
    "json",
    "jsonp",
    "2.0.0",
)
VALUES = st.one_of(st.sampled_from(IDS), st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.text(max_size=30))
PARAMETERS = st.dictionaries(st.sampled_from(NAMES), st.lists(VALUES, min_size=1, max_size=3), max_size=6)
SETTINGS = settings(
    max_examples=25, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_an_answer_or_an_error(player: Player, name: str) -> None:
    """Each endpoint's own parameters are among them, changed and joined by others."""
    own = next((parameters for other, parameters in requests(player) if other == name), {"id": "tr-t00-0"})

    @SETTINGS
    @given(changed=PARAMETERS, dropped=st.sets(st.sampled_from(sorted(own) or ["-"])), is_form=st.booleans())
    def answered(changed: dict[str, list[str]], dropped: set[str], is_form: bool) -> None:
        wanted: dict[str, Any] = {key: value for key, value in own.items() if key not in dropped}
        wanted = {"apiKey": player.secret, **wanted, **changed}
        url = f"/rest/{name}.view"
        answer = player.client.post(url, data=wanted) if is_form else player.client.get(url, params=wanted)
        assert answer.status_code == 200, (wanted, answer.status_code, answer.text[:200])
        check(answer.content, answer.headers["content-type"], may_be_file=name in FILES)

    answered()


@SETTINGS
@given(query=st.binary(max_size=200), body=st.binary(max_size=200), name=st.text(max_size=10))
def test_any_bytes(player: Player, query: bytes, body: bytes, name: str) -> None:
    """Whatever a request is made of, and without a key."""
    encoded = "".join(f"%{byte:02x}" if not chr(byte).isalnum() and byte not in b"&=" else chr(byte) for byte in query)
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = player.client.post(f"/rest/search3?{encoded}", content=body, headers=form)
    assert answer.status_code == 200
    check(answer.content, answer.headers["content-type"], may_be_file=False)
    path = "".join(f"%{byte:02x}" for byte in name.encode())
    assert player.client.get(f"/rest/{path}").status_code in (200, 303, 404)


def check(content: bytes, kind: str, *, may_be_file: bool) -> None:
    """Check that an answer is one in JSON or XML, with a known code if it is an error; or else a file."""
    if kind.startswith("application/json"):
        found = json.loads(content)["subsonic-response"]
        code = found.get("error", {}).get("code")
    elif kind.startswith("application/xml"):
        root = ET.fromstring(content)
        error = root.find("{*}error")
        found, code = root.attrib, None if error is None else int(error.attrib["code"])
    else:
        assert may_be_file
        return
    assert (found["status"], found["version"]) == ("ok" if code is None else "failed", "1.16.1")
    assert code is None or Code(code) in Code
