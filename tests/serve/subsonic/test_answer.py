"""An answer in JSON and in XML: the rules of the specification as a table, and any text at all."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard import __version__
from unheard.serve.subsonic.answer import NAMESPACE, response

TABLE: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"artist": {"id": "1", "album": [{"id": "2"}, {}]}}, '<artist id="1"><album id="2"/><album/></artist>'),
    ({"genre": [{"value": "R&B", "songCount": 3}]}, '<genre songCount="3">R&amp;B</genre>'),
    ({"user": {"folder": [1, 2], "a": False}}, '<user a="false"><folder>1</folder><folder>2</folder></user>'),
    ({"song": {"starred": None, "title": 'a"<b>'}}, '<song title="a&quot;&lt;b&gt;"/>'),
    ({"sonicMatch": [{"entry": {"id": "1"}, "x": 0.5}]}, '<sonicMatch x="0.5"><entry id="1"/></sonicMatch>'),
    ({"versions": [], "error": {"code": 70, "message": "x"}}, '<error code="70" message="x"/>'),
]  # fmt: skip


def in_xml(answer: dict[str, Any]) -> ET.Element:
    sent = response(answer, "xml")
    assert sent.headers["content-type"].startswith("application/xml")
    return ET.fromstring(bytes(sent.body))


@pytest.mark.parametrize(("answer", "inside"), TABLE)
def test_xml_by_hand(answer: dict[str, Any], inside: str) -> None:
    about = f'status="ok" version="1.16.1" type="unheard" serverVersion="{__version__}" openSubsonic="true"'
    sent = bytes(response(answer, "xml").body).decode()
    expected = f'<subsonic-response xmlns="{NAMESPACE}" {about}>{inside}</subsonic-response>'
    assert ET.canonicalize(sent) == ET.canonicalize(expected)


@pytest.mark.parametrize(("answer", "inside"), TABLE)
def test_json_is_the_data_itself_without_none(answer: dict[str, Any], inside: str) -> None:
    found = json.loads(bytes(response(answer, "json").body))["subsonic-response"]
    assert found.pop("status") == "ok"
    assert found.pop("openSubsonic") is True
    shown = {name: value for name, value in found.items() if name not in ("version", "type", "serverVersion")}
    without_none = json.loads(json.dumps(answer).replace('"starred": null, ', ""))
    assert shown == without_none


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_makes_well_formed_answers(text: str, parts: list[str]) -> None:
    """Control characters and lone surrogates exist in no XML; ordinary text arrives as it is."""
    answer = {"song": {"title": text, "isrc": parts, "genre": [{"value": text}]}}
    root = in_xml(answer)
    json.loads(bytes(response(answer, "json").body))
    if text.isprintable():
        found = root.find(f"{{{NAMESPACE}}}song")
        assert found is not None
        assert found.get("title") == text


def test_a_failure_says_so() -> None:
    assert json.loads(bytes(response({}, "json", failed=True).body))["subsonic-response"]["status"] == "failed"
