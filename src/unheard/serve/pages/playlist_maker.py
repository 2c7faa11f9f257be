"""The playlist maker: recommend tracks for a few seeds, edit the list and export it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from unheard.errors import UserError
from unheard.recommend.export import Format, ListEntry
from unheard.recommend.reasons import Explanation
from unheard.serve import queries, track_lists
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.playlist_query import MAX_SEEDS, PlaylistQuery, in_order, read_query
from unheard.serve.pages.text import short
from unheard.serve.pages.views import ResultView, TrackView, genres, results, show
from unheard.serve.schema import MAX_RESULTS, Matched, Ranked
from unheard.serve.snapshot import Snapshot
from unheard.serve.uploads import on_disk

router = APIRouter()

FEW_GENRES = 14
FIRST_FOUND = 8
SHOWN_MISSES = 50


@router.get("/make")
def make(request: Request, snapshot: CurrentSnapshot, add: str = "", playlist: str = "") -> Response:
    """Show the page with the list for the query in the address."""
    query = read_query(request.query_params)
    if playlist:
        ids = [track.track_id for track in queries.playlist(snapshot, playlist).items]
        return RedirectResponse(PlaylistQuery(seeds=tuple(ids[:MAX_SEEDS])).link, 303)
    found = show(queries.search(snapshot, add, limit=FIRST_FOUND).items) if add.strip() else []
    return maker(request, snapshot, query, add=add, found=found)


@router.post("/make/import")
def import_list(
    request: Request,
    snapshot: CurrentSnapshot,
    text: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Use the tracks of a pasted list or an M3U file as seeds."""
    if file is not None and file.filename:
        with on_disk(file) as path:
            matched = track_lists.match_file(snapshot, path)
    elif text.strip():
        matched = track_lists.match_text(snapshot, text)
    else:
        raise UserError("nothing to import: paste some lines, or choose an M3U file")
    query = PlaylistQuery(seeds=tuple(track.track_id for track in matched.items[:MAX_SEEDS]))
    return maker(request, snapshot, query, matched=matched)


@router.get("/make/import")
def import_nothing() -> Response:
    """Redirect a reload of the import page, whose address does not contain the list."""
    return RedirectResponse("/make", 303)


@router.post("/make/export")
def export_list(
    snapshot: CurrentSnapshot,
    track: Annotated[list[str], Form(max_length=MAX_RESULTS)],
    format: Annotated[Format, Form()],  # noqa: A002 - as the API says
    query: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
) -> Response:
    """Export tracks in the order of the form, with the scores and explanations of their query."""
    entries = _explained(snapshot, read_query(QueryParams(query)), track)
    return track_lists.exported(entries, format, title=short(title, 100) or "unheard")


def maker(
    request: Request,
    snapshot: Snapshot,
    query: PlaylistQuery,
    *,
    add: str = "",
    found: Sequence[TrackView] = (),
    matched: Matched | None = None,
) -> Response:
    """Render the page."""
    ranked = queries.for_likes(snapshot, query.likes()) if query.seeds else None
    known = genres(snapshot)
    return page(
        request,
        "make.html",
        here="/make",
        query=query,
        seeds=[TrackView(queries.track_out(snapshot, queries.row_of(snapshot, name))) for name in query.seeds],
        excluded=[TrackView(queries.track_out(snapshot, queries.row_of(snapshot, name))) for name in query.exclude],
        items=ordered(ranked, query) if ranked else [],
        genres=list(dict.fromkeys((*known[:FEW_GENRES], *query.genres))),
        more_genres=known[FEW_GENRES:],
        models=snapshot.models,
        default_model=snapshot.default.model,
        add=add,
        found=found,
        matched=matched,
        missing=matched.misses[:SHOWN_MISSES] if matched else (),
    )


def ordered(ranked: Ranked, query: PlaylistQuery) -> list[ResultView]:
    """Return the results, with those in the order of the query first."""
    by_id = {item.shown.track_id: item for item in results(ranked)}
    return [by_id[name] for name in in_order(list(by_id), query.order)]


def _explained(snapshot: Snapshot, query: PlaylistQuery, ids: Sequence[str]) -> list[ListEntry]:
    """Return tracks by id, with score and explanation if the query recommends them."""
    ranked = queries.for_likes(snapshot, query.likes()) if query.seeds else None
    by_id = {item.track.track_id: item for item in ranked.items} if ranked else {}
    entries = []
    for track_id in ids:
        track, item = snapshot.catalogue.tracks[queries.row_of(snapshot, track_id)], by_id.get(track_id)
        if item is None:
            entries.append(ListEntry(track))
            continue
        reasons = tuple(Explanation(one.label, one.track_id, one.similarity) for one in item.reasons)
        entries.append(ListEntry(track, item.score, item.confidence, item.why, reasons, item.match))
    return entries
