"""Read WPL and ZPL files of Windows Media Player and Zune, and ASX files: one file is one playlist."""

from __future__ import annotations

from pathlib import Path

from unheard.plays.listed import ListedFile, ListedTrack
from unheard.plays.matching import Matcher, TrackReference
from unheard.plays.readers.m3u import absolute_path
from unheard.plays.readers.xspf import xml_root


def read_wpl(path: Path, _matcher: Matcher) -> ListedFile:
    """Read `<media src="..." trackTitle="..." trackArtist="...">` and `<ref href="...">` elements."""
    found = ListedFile()
    for element in xml_root(path).iter():
        attributes = {key.lower(): value for key, value in element.attrib.items()}
        tag = str(element.tag).lower()
        source = attributes.get({"media": "src", "ref": "href"}.get(tag, ""), "")
        if tag == "title" and element.text and not found.title:
            found.title = element.text.strip()
        if source:
            artist, title = attributes.get("trackartist", ""), attributes.get("tracktitle", "")
            reference = TrackReference(path=absolute_path(path, source), artist=artist, title=title)
            found.tracks.append(ListedTrack(reference))
    return found
