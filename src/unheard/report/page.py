"""Render sections as one HTML page that contains its style, script and figures."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from unheard.report.blocks import Picture, Section

LONGEST_TEXT = 300  # characters of a title or a name
PIXELS_PER_IN = 96
SCRIPT = "players.js"
MIME = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True)
class Head:
    """Contents of the header of the page."""

    workspace: str
    split: str
    headline: str
    simulated: bool
    day: str
    version: str


def render(head: Head, sections: Sequence[Section], files: Mapping[str, bytes]) -> str:
    """Return the HTML of the page. `files` has the encoded figure of every `Picture`, by file name.

    Everything that comes from the workspace is escaped. The page loads no other files, as its content security
    policy enforces; only players may read local files.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup, escape

    def source(picture: Picture) -> str:
        encoded = base64.b64encode(files[file_name(picture)]).decode("ascii")
        return f"data:{MIME[picture.format]};base64,{encoded}"

    def size(picture: Picture) -> Markup:
        """Return width and height attributes, so that the layout does not shift when a lazy figure is loaded."""
        width, height = pixel_size(picture, files[file_name(picture)])
        return Markup('width="{}" height="{}"').format(width, height)

    def inline(text: str) -> Markup:
        return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"inline": inline, "short": short, "slug": slug}
    environment.globals |= {"source": source, "size": size}
    return environment.from_string(part("page.html")).render(
        **vars(head),
        sections=sections,
        style=Markup(part("style.css")),  # noqa: S704 - ours
        script=Markup(part(SCRIPT)),  # noqa: S704 - ours
        script_hash=script_hash(),
    )


def part(name: str) -> str:
    """Return the text of a file of the folder `page`."""
    return resources.files("unheard.report").joinpath("page", name).read_text(encoding="utf-8")


def script_hash() -> str:
    """Return the SHA-256 of the script in base64, as in a content security policy."""
    return base64.b64encode(hashlib.sha256(part(SCRIPT).encode()).digest()).decode("ascii")


def file_name(picture: Picture) -> str:
    """Return the file name of a figure."""
    return f"{slug(picture.name)}.{picture.format}"


def slug(name: str) -> str:
    """Return a name as letters, digits and dashes, for addresses and file names; distinct for distinct names."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:6]}"


def short(text: str) -> str:
    """Return at most `LONGEST_TEXT` characters; lone surrogates, which cannot be encoded, become question marks."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def pixel_size(picture: Picture, data: bytes) -> tuple[int, int]:
    """Return width and height of a figure: of a PNG in its pixels, of an SVG at 96 pixels per inch."""
    if picture.format == "png":
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    inches = picture.figure.get_size_inches()
    return round(float(inches[0]) * PIXELS_PER_IN), round(float(inches[1]) * PIXELS_PER_IN)
