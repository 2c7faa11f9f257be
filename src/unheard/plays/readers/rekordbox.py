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

from unheard.bounded_text import whole_number
from unheard.errors import TableError
from unheard.plays.listed import ListedFile, ListedTrack
from unheard.plays.matching import TrackReference
from unheard.plays.readers.apple_library import PLAY_COUNTS
from unheard.plays.readers.m3u import absolute_path
from unheard.plays.readers.xspf import xml_root

MAX_DEPTH = 50  # of folders
TOO_DEEP = "folders within more than 50 folders"


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
        if plays := whole_number(track.get("PlayCount", "")):
            played.append(ListedTrack(reference, PLAY_COUNTS, float(plays)))
    for name, node in _playlists(playlists, found):
        for entry in node.iter("TRACK"):
            if (known := by_key.get(entry.get("Key", ""))) is None:
                found.left_out["entries of tracks that are not in the collection"] += 1
            else:
                found.tracks.append(ListedTrack(known, name))
    found.tracks += played
    return found


def _playlists(root: Element | None, found: ListedFile) -> Iterator[tuple[str, Element]]:
    """Yield name and node of every playlist, in the order of the file; folders that are too deep are counted."""
    open_nodes = [] if root is None else [("", 0, iter(root.findall("NODE")))]
    while open_nodes:
        folder, depth, nodes = open_nodes[-1]
        if (node := next(nodes, None)) is None:
            open_nodes.pop()
            continue
        name = node.get("Name", "")
        if node.get("Type") == "1":
            yield f"{folder}{name}", node
        elif depth == MAX_DEPTH:
            found.left_out[TOO_DEEP] += 1
        else:
            inside = folder if name == "ROOT" and not folder else f"{folder}{name}/"
            open_nodes.append((inside, depth + 1, iter(node.findall("NODE"))))
