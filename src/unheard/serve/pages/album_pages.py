"""The pages of albums and of artists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from unheard.serve.album_index import Album
from unheard.serve.http_caching import REUSABLE
from unheard.serve.pages.browse import PageNumber, Words
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.pagination import Pagination
from unheard.serve.pages.text import address
from unheard.serve.pages.views import TrackView, show_row
from unheard.serve.queries import NotFoundError
from unheard.serve.snapshot import Snapshot

router = APIRouter()

ALBUMS_A_PAGE = 36
TRACKS_OF_ARTIST = 200


@dataclass(frozen=True)
class AlbumView:
    """One album on a page."""

    album: Album
    cover_id: str
    n_new: int

    @property
    def page(self) -> str:
        return address("/album", id=self.album.album_id)

    @property
    def cover(self) -> str:
        """The address of its cover, to which the template adds a size."""
        return address("/pictures/cover", id=self.cover_id)


@router.get("/albums", dependencies=[REUSABLE])
def albums(request: Request, snapshot: CurrentSnapshot, q: Words = "", number: PageNumber = 1) -> Response:
    """List all albums, or those that match."""
    table = snapshot.browse_index.albums
    found = table.matching(q)
    pagination = Pagination(number, ALBUMS_A_PAGE, len(found), "/albums", {"q": q})
    if pagination.is_past_the_end:
        return RedirectResponse(pagination.link(pagination.n_pages), 303)
    first = (number - 1) * ALBUMS_A_PAGE
    shown = [album_view(snapshot, album) for album in table.take(found[first : first + ALBUMS_A_PAGE])]
    return page(request, "albums.html", q=q, pagination=pagination, albums=shown)


@router.get("/album", dependencies=[REUSABLE])
def album(request: Request, snapshot: CurrentSnapshot, id: str) -> Response:  # noqa: A002 - in the address
    """Show an album and its tracks in order."""
    found = snapshot.browse_index.album_of_id(id)
    if found is None:
        raise NotFoundError(f"There is no album {id!r:.60}. Its tags may have changed: look for it under Albums.")
    tracks = [show_row(snapshot, row) for row in found.rows]
    return page(
        request,
        "album.html",
        shown=album_view(snapshot, found),
        tracks=tracks,
        length_s=sum(one.track.duration_s for one in tracks),
        is_artist=bool(snapshot.browse_index.of_artist(found.artist)),
    )


@router.get("/artist", dependencies=[REUSABLE])
def artist(request: Request, snapshot: CurrentSnapshot, name: Words) -> Response:
    """Show an artist: albums, and all tracks that credit it."""
    index = snapshot.browse_index
    rows = index.of_artist(name)
    if not rows:
        raise NotFoundError(f"There is no artist {name!r:.60}.")
    own = list(dict.fromkeys(album for row in rows if (album := index.album_of_row(row)) is not None))
    own.sort(key=lambda one: (one.artist != name, -(one.year or 0), one.title))
    tracks = [show_row(snapshot, row) for row in _in_order(rows, own)]
    return page(
        request,
        "artist.html",
        name=name,
        albums=[album_view(snapshot, one) for one in own],
        tracks=tracks[:TRACKS_OF_ARTIST],
        n_tracks=len(rows),
        n_new=sum(index.status(row) == "new" for row in rows),
    )


def album_view(snapshot: Snapshot, found: Album) -> AlbumView:
    """Return an album for a template; the cover is that of its first track with a file."""
    index, tracks = snapshot.browse_index, snapshot.catalogue.tracks
    with_file = next((row for row in found.rows if tracks[row].path), found.rows[0])
    return AlbumView(found, tracks[with_file].track_id, sum(index.status(row) == "new" for row in found.rows))


def _in_order(rows: Sequence[int], own: Sequence[Album]) -> list[int]:
    """Return the rows of an artist, album after album; those without an album come last."""
    wanted, in_albums = set(rows), [row for one in own for row in one.rows]
    return [row for row in (*in_albums, *sorted(wanted - set(in_albums))) if row in wanted]


def album_of(snapshot: Snapshot, shown: TrackView) -> AlbumView | None:
    """Return the album of a track, or None."""
    row = snapshot.catalogue.tracks.ids.row(shown.track_id)
    found = snapshot.browse_index.album_of_row(row)
    return None if found is None else album_view(snapshot, found)
