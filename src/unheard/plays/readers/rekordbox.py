"""Read the XML that rekordbox exports (File > Export Collection in xml format): playlists, and plays of all tracks.

    <DJ_PLAYLISTS><COLLECTION><TRACK TrackID="1" Name Artist Location="file://localhost/..." PlayCount/></COLLECTION>
    <PLAYLISTS><NODE Type="0" Name="ROOT"><NODE Type="1" KeyType="0" Name><TRACK Key="1"/></NODE></NODE></PLAYLISTS>

Nodes of type 0 are folders. A key is a TrackID (KeyType 0) or a Location (KeyType 1).
https://rekordbox.com/en/support/developer
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from unheard.errors import TableError
from unheard.plays.listed import ListedFile, ListedTrack
from unheard.plays.matching import TrackReference
from unheard.plays.readers.apple_library import PLAY_COUNTS
from unheard.plays.readers.m3u import absolute_path
from unheard.plays.readers.xspf import xml_root

MAX_DIGITS = 10


def read_rekordbox(path: Path) -> ListedFile:
    """Read playlists, named by their folders too, and the play counts as one more list. TableError if it is none."""
    root = xml_root(path)
    collection, playlists = root.find("COLLECTION"), root.find("PLAYLISTS")
    if root.tag != "DJ_PLAYLISTS" or collection is None:
        raise TableError(path, "no `DJ_PLAYLISTS` with a `COLLECTION` in it", "export the collection as XML again")
    found = ListedFile()
    by_key: dict[str, TrackReference] = {}
    played: list[ListedTrack] = []
    for track in collection.iter("TRACK"):
        location = track.get("Location", "")
        reference = TrackReference(
            path=absolute_path(path, location) if location else "",
            artist=track.get("Artist", ""),
            title=track.get("Name", ""),
        )
        by_key |= {key: reference for key in (track.get("TrackID", ""), location) if key}
        plays = track.get("PlayCount", "")
        if plays.isascii() and plays.isdecimal() and len(plays) < MAX_DIGITS and int(plays):
            played.append(ListedTrack(reference, PLAY_COUNTS, float(plays)))
    for name, node in _playlists(playlists, ""):
        for entry in node.iter("TRACK"):
            if (known := by_key.get(entry.get("Key", ""))) is None:
                found.left_out["entries of tracks that are not in the collection"] += 1
            else:
                found.tracks.append(ListedTrack(known, name))
    found.tracks += played
    return found


def _playlists(node: Element | None, folder: str) -> Iterator[tuple[str, Element]]:
    """Yield name and node of every playlist below a folder."""
    for child in [] if node is None else node.findall("NODE"):
        name = child.get("Name", "")
        if child.get("Type") == "1":
            yield f"{folder}{name}", child
        else:
            yield from _playlists(child, folder if name == "ROOT" and not folder else f"{folder}{name}/")
