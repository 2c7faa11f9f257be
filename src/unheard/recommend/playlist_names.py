"""Find the playlist that a person names by its id or by its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from unheard.errors import UserError
from unheard.plays import read_playlists
from unheard.plays.storage import Playlist
from unheard.recommend.catalogue import Catalogue
from unheard.search import SearchIndex
from unheard.workspace import Workspace


def resolve_playlist(workspace: Workspace, catalogue: Catalogue, name: str) -> str:
    """Return the id of a playlist given by its id, or by its name if no other playlist has that name.

    Names are compared without case, accents and punctuation; the last part of an id such as `rock/best` is a name too.
    Raise UserError for an unknown or ambiguous name.
    """
    if name in catalogue.playlists:
        return name
    found = the_one_called(name, [one for one in read_playlists(workspace) if one.playlist_id in catalogue.playlists])
    return found or catalogue.playlists[catalogue.playlist_row(name)]


def the_one_called(name: str, stored: Sequence[Playlist]) -> str:
    """Return the id of the only playlist of a name, "" if there is none; UserError if there are several."""
    index = SearchIndex(((one.name, one.playlist_id, PurePath(one.playlist_id).name), ()) for one in stored)
    found = [stored[row].playlist_id for row in index.named(name)]
    if len(found) > 1:
        raise UserError(f"{len(found)} playlists are called {name!r}; name one by its id: {', '.join(found)}")
    return found[0] if found else ""
