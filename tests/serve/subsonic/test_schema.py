"""Every answer against the published schemas: XML against Subsonic's, JSON against OpenSubsonic's.

UNHEARD_SUBSONIC_XSD is the file subsonic-rest-api-1.16.1.xsd of subsonic.org, UNHEARD_OPENSUBSONIC the folder openapi/
of github.com/opensubsonic/open-subsonic-api. Neither is in the repository.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.serve.subsonic.conftest import Player
from tests.serve.subsonic.requests_of_players import FILES, requests
from unheard.serve.subsonic.answer import NAMESPACE
from unheard.serve.subsonic.endpoints import ENDPOINTS

XSD, OPENAPI = os.environ.get("UNHEARD_SUBSONIC_XSD"), os.environ.get("UNHEARD_OPENSUBSONIC")
SCHEMA = "{http://www.w3.org/2001/XMLSchema}"

# What OpenSubsonic adds to Subsonic 1.16.1, which the older schema does not know.
ADDED_ELEMENTS = frozenset(
    {"albumArtists", "artists", "genres", "isrc", "lyricsList", "openSubsonicExtensions", "sonicMatch", "tokenInfo"}
)
ADDED_ATTRIBUTES = frozenset(
    {"displayAlbumArtist", "displayArtist", "isCompilation", "mediaType", "musicBrainzId", "openSubsonic", "played"}
    | {"playCount", "readonly", "serverVersion", "sortName", "type", "userRating"}
)
NUMBERS_IN_SUBSONIC = {("playQueue", "current")}  # ids are strings in OpenSubsonic
FOLDERS = {"directory", "albumList", "searchResult2", "starred"}  # whose albums have more than Subsonic knows


def test_every_endpoint_is_asked(player: Player, nothing_kept: None) -> None:
    assert {name for name, _ in requests(player)} | set(FILES) == set(ENDPOINTS)


@pytest.mark.network
@pytest.mark.skipif(XSD is None, reason="UNHEARD_SUBSONIC_XSD names no schema")
def test_xml_is_valid(player: Player, nothing_kept: None) -> None:
    """Of additions, those that the schema cannot know are taken out before; the rest must be as it says."""
    etree = pytest.importorskip("lxml.etree")
    assert XSD is not None
    schema = etree.XMLSchema(etree.parse(XSD))
    known = {
        name: {one.get("name") for one in part.iter(f"{SCHEMA}attribute")}
        for part in etree.parse(XSD).getroot()
        if (name := part.get("name"))
    }
    types = set().union(*known.values())
    for name, parameters in requests(player):
        root = etree.fromstring(player.get(name, **parameters).content)
        assert root.get("status") == "ok", (name, etree.tostring(root))
        for element in list(root.iter()):
            tag = etree.QName(element).localname
            # <genres> of an answer is Subsonic's own; below a song or an album it is an addition
            if tag in ADDED_ELEMENTS and (element.getparent() is not root or tag not in ("genres", "artists")):
                element.getparent().remove(element)
        for element in root.iter():
            tag = etree.QName(element).localname
            if tag in ("album", "child") and etree.QName(element.getparent()).localname in FOLDERS:
                for attribute in ("name", "songCount"):
                    element.attrib.pop(attribute, None)
            for attribute in list(element.attrib):
                if (tag, attribute) in NUMBERS_IN_SUBSONIC or (
                    attribute in ADDED_ATTRIBUTES and _added(tag, attribute)
                ):
                    del element.attrib[attribute]
                else:
                    assert attribute in types, (name, tag, attribute)
        assert root.tag == f"{{{NAMESPACE}}}subsonic-response"
        schema.assertValid(root)


def _added(tag: str, attribute: str) -> bool:
    """Return whether an attribute that Subsonic has elsewhere is an addition here."""
    of_folders = {"type", "playCount", "userRating"}
    return attribute not in of_folders or tag in ("subsonic-response", "album", "artist", "similarArtist")


@pytest.mark.network
@pytest.mark.skipif(OPENAPI is None, reason="UNHEARD_OPENSUBSONIC names no folder")
def test_json_is_valid(player: Player, nothing_kept: None) -> None:
    schemas = pytest.importorskip("jsonschema_rs")
    for name, parameters in requests(player):
        answer = player.get(name, f="json", **parameters).json()
        schema = _schema_of(name)
        validator = schemas.Draft4Validator({"allOf": [schema]}, validate_formats=True)
        assert not validator.is_valid({"subsonic-response": {"status": "ok"}})
        problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(answer)]
        assert problems == [], (name, problems[:5])
        assert answer["subsonic-response"]["status"] == "ok"


def _schema_of(name: str) -> Any:
    """Return the schema of an endpoint's answers, with all references replaced by what they refer to."""
    assert OPENAPI is not None
    operation = _file(str(Path(OPENAPI) / "endpoints" / f"{name}.json"))
    return operation["get"]["responses"]["200"]["content"]["application/json"]["schema"]


def _resolved(schema: Any, file: Path) -> Any:
    if isinstance(schema, list):
        return [_resolved(one, file) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _file(os.path.normpath(file.parent / schema["$ref"]))
    return {name: _resolved(one, file) for name, one in schema.items()}


@cache
def _file(path: str) -> Any:
    return _resolved(json.loads(Path(path).read_text(encoding="utf-8")), Path(path))
