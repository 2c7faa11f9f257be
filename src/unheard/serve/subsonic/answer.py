"""Turn an answer, plain data, into JSON or XML.

The rules of the specification, by example:

    {"artist": {"id": "1", "album": [{"id": "2"}]}}     <artist id="1"><album id="2"/></artist>
    {"genre": [{"value": "Rock", "songCount": 3}]}      <genre songCount="3">Rock</genre>
    {"folder": [1, 2]}                                  <folder>1</folder><folder>2</folder>
    {"starred": None}                                   left out, in JSON too
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from starlette.responses import Response

from unheard import __version__
from unheard.serve.http_caching import UNCACHED

VERSION = "1.16.1"
NAMESPACE = "http://subsonic.org/restapi"
TEXT = "value"  # the key whose value is the text of an element in XML
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # https://www.w3.org/TR/xml/#charsets

# Browsers may read answers from pages of other sites, because no browser adds a key of its own accord.
HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": UNCACHED,
}

Answer = Mapping[str, Any]


def response(answer: Answer, form: str, *, failed: bool = False) -> Response:
    """Return an answer as a response in JSON (`form` "json") or XML."""
    head = {
        "status": "failed" if failed else "ok",
        "version": VERSION,
        "type": "unheard",
        "serverVersion": __version__,
        "openSubsonic": True,
    }
    whole = _present({**head, **answer})
    if form == "json":
        body = json.dumps({"subsonic-response": whole}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return Response(body.encode("utf-8", "replace"), media_type="application/json", headers=HEADERS)
    root = _element("subsonic-response", whole)
    root.set("xmlns", NAMESPACE)
    return Response(
        ET.tostring(root, encoding="utf-8", xml_declaration=True), media_type="application/xml", headers=HEADERS
    )


def _present(value: Any) -> Any:
    """Return data without the entries whose value is None."""
    if isinstance(value, Mapping):
        return {key: _present(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_present(one) for one in value]
    return value


def _element(name: str, value: Any) -> ET.Element:
    element = ET.Element(name)
    if not isinstance(value, dict):
        element.text = _text(value)
        return element
    for key, one in value.items():
        if isinstance(one, dict):
            element.append(_element(key, one))
        elif isinstance(one, list):
            element.extend(_element(key, part) for part in one)
        elif key == TEXT:
            element.text = _text(one)
        else:
            element.set(key, _text(one))
    return element


def _text(value: Any) -> str:
    """Return a value as XML writes it; characters that XML does not have become U+FFFD."""
    return str(value).lower() if isinstance(value, bool) else NOT_XML.sub("\ufffd", str(value))
