"""Compare models: the neighbours of the same track under several models and under the true factors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from unheard.recommend.models import ORACLE
from unheard.report.model_lists import LENGTH, default_seeds
from unheard.serve import queries
from unheard.serve.pages.layout import CurrentSnapshot, page
from unheard.serve.pages.text import address
from unheard.serve.pages.views import TrackView, results, show_row
from unheard.serve.schema import ListParameters
from unheard.serve.snapshot import Snapshot

router = APIRouter()

MAX_SEEDS = 2
MAX_MODELS = 6
DEFAULT_MODELS = ("ridge", "content-neighbours", "artist-mean")
Names = Annotated[list[str] | None, Query(max_length=100)]


@router.get("/models")
def compare(
    request: Request, snapshot: CurrentSnapshot, seed: Names = None, model: Names = None, q: str = ""
) -> Response:
    """Show the lists of the chosen models for each seed, the true factors' list first."""
    seeds = [
        TrackView(queries.track_out(snapshot, queries.row_of(snapshot, one))) for one in list(dict.fromkeys(seed or ()))
    ]
    if not seeds:
        seeds = [
            show_row(snapshot, row)
            for row in snapshot.table("default seeds", lambda: default_seeds(snapshot.catalogue))
        ]
    chosen = chosen_models(snapshot, model or ())
    found = queries.search(snapshot, q, limit=8).items if q.strip() else ()
    ids = [one.track_id for one in seeds]
    return page(
        request,
        "compare.html",
        q=q,
        found=[
            (TrackView(one), address("/models", seed=[*ids[-MAX_SEEDS + 1 :], one.track_id], model=model))
            for one in found
        ],
        blocks=[(one, side_by_side(snapshot, one.track_id, chosen)) for one in seeds[:MAX_SEEDS]],
        without=[address("/models", seed=[other for other in ids if other != one], model=model) for one in ids],
        chosen=chosen,
        models=snapshot.models,
        oracle=ORACLE,
        n=LENGTH,
    )


def chosen_models(snapshot: Snapshot, wanted: list[str] | tuple[()]) -> list[str]:
    """Return the requested models, or the defaults; the true factors first."""
    unknown = next((name for name in wanted if not snapshot.has_model(name)), None)
    if unknown is not None:
        raise queries.NotFoundError(f"no model {unknown!r}; choose one of those that /models lists")
    names = list(wanted) or [snapshot.default.model, *DEFAULT_MODELS]
    names = [name for name in dict.fromkeys((ORACLE, *names)) if snapshot.has_model(name)]
    return names[:MAX_MODELS]


def side_by_side(snapshot: Snapshot, track_id: str, models: list[str]) -> list[dict[str, object]]:
    """Return a list for each model, with marks on tracks that the true factors' list also has."""
    lists = {
        model: results(queries.similar(snapshot, track_id, ListParameters(n=LENGTH, candidates="all", model=model)))
        for model in models
    }
    true = {item.shown.track_id for item in lists.get(ORACLE, ())}
    return [
        {
            "model": model,
            "items": [(item, model != ORACLE and item.shown.track_id in true) for item in items],
            "hits": sum(item.shown.track_id in true for item in items) if true and model != ORACLE else None,
        }
        for model, items in lists.items()
    ]
