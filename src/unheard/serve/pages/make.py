"""The playlist maker: from a few seeds to a list that is heard, mended and taken along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from unheard.errors import UserError
from unheard.recommend.export import Format, ListEntry
from unheard.recommend.recommend import Reason
from unheard.serve import answers, lists
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.text import short
from unheard.serve.pages.views import Shown, ShownResult, genres, results, show
from unheard.serve.pages.wish import MOST_SEEDS, Wish, in_order, read_wish
from unheard.serve.schema import MAX_RESULTS, Matched, Ranked
from unheard.serve.state import Loaded
from unheard.serve.uploads import on_disk

router = APIRouter()

FEW_GENRES = 14
FIRST_FOUND = 8
SHOWN_MISSES = 50
FIRST_RANK = 61  # what a vote counts: one over 60 and the rank


@router.get("/make")
def make(request: Request, now: Now, add: str = "", playlist: str = "") -> Response:
    """The maker with the list that the address asks for."""
    wish = read_wish(request.query_params)
    if playlist:
        ids = [track.track_id for track in answers.playlist(now, playlist).items]
        return RedirectResponse(Wish(seeds=tuple(ids[:MOST_SEEDS])).link, 303)
    found = show(answers.search(now, add, limit=FIRST_FOUND).items) if add.strip() else []
    return maker(request, now, wish, add=add, found=found)


@router.post("/make/import")
def bring(
    request: Request, now: Now, text: Annotated[str, Form()] = "", file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """A pasted list or an M3U file, for seeds."""
    if file is not None and file.filename:
        with on_disk(file) as path:
            matched = lists.match_file(now, path)
    elif text.strip():
        matched = lists.match_text(now, text)
    else:
        raise UserError("nothing to read: paste some lines, or choose an M3U file")
    wish = Wish(seeds=tuple(track.track_id for track in matched.items[:MOST_SEEDS]))
    return maker(request, now, wish, matched=matched)


@router.get("/make/import")
def bring_nothing() -> Response:
    """The address of a list that was brought says nothing about it."""
    return RedirectResponse("/make", 303)


@router.post("/make/export")
def take(
    now: Now,
    track: Annotated[list[str], Form(max_length=MAX_RESULTS)],
    format: Annotated[Format, Form()],  # noqa: A002 - as the API says
    wish: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
) -> Response:
    """The list as a file: tracks in the order of the form, with scores and reasons of the wish that they are from."""
    entries = _explained(now, read_wish(QueryParams(wish)), track)
    return lists.exported(entries, format, title=short(title, 100) or "unheard")


def maker(
    request: Request,
    now: Loaded,
    wish: Wish,
    *,
    add: str = "",
    found: Sequence[Shown] = (),
    matched: Matched | None = None,
) -> Response:
    """The page."""
    ranked = answers.for_likes(now, wish.likes()) if wish.seeds else None
    known = genres(now)
    return page(
        request,
        "make.html",
        here="/make",
        wish=wish,
        seeds=[Shown(answers.track_out(now, answers.row_of(now, name))) for name in wish.seeds],
        excluded=[Shown(answers.track_out(now, answers.row_of(now, name))) for name in wish.exclude],
        items=ordered(ranked, wish) if ranked else [],
        full_score=len(wish.seeds) / FIRST_RANK,
        genres=list(dict.fromkeys((*known[:FEW_GENRES], *wish.genres))),
        more_genres=known[FEW_GENRES:],
        models=now.models,
        default_model=now.default.model,
        add=add,
        found=found,
        matched=matched,
        missing=matched.misses[:SHOWN_MISSES] if matched else (),
    )


def ordered(ranked: Ranked, wish: Wish) -> list[ShownResult]:
    """Results, those that the wish orders first."""
    by_id = {item.shown.track_id: item for item in results(ranked)}
    return [by_id[name] for name in in_order(list(by_id), wish.order)]


def _explained(now: Loaded, wish: Wish, ids: Sequence[str]) -> list[ListEntry]:
    """Tracks by id, with score and reasons where the wish gives them."""
    ranked = answers.for_likes(now, wish.likes()) if wish.seeds else None
    by_id = {item.track.track_id: item for item in ranked.items} if ranked else {}
    entries = []
    for track_id in ids:
        track, item = now.catalogue.tracks[answers.row_of(now, track_id)], by_id.get(track_id)
        if item is None:
            entries.append(ListEntry(track))
            continue
        reasons = tuple(Reason(one.label, one.track_id, one.similarity) for one in item.reasons)
        entries.append(ListEntry(track, item.score, item.confidence, item.why, reasons))
    return entries
