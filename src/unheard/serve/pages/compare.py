"""Models side by side: what several models, and the truth, put beside the same track."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from unheard.recommend.models import ORACLE
from unheard.report.model_lists import LENGTH, default_seeds
from unheard.serve import answers
from unheard.serve.pages.frame import Now, page
from unheard.serve.pages.text import address
from unheard.serve.pages.views import Shown, results, show_row
from unheard.serve.schema import Options
from unheard.serve.state import Loaded

router = APIRouter()

MOST_SEEDS = 2
MOST_MODELS = 6
USUAL = ("ridge", "content-neighbours", "artist-mean")
Names = Annotated[list[str] | None, Query(max_length=100)]


@router.get("/models")
def compare(request: Request, now: Now, seed: Names = None, model: Names = None, q: str = "") -> Response:
    """Lists of the chosen models beside each seed, the true factors' list first."""
    seeds = [Shown(answers.track_out(now, answers.row_of(now, one))) for one in list(dict.fromkeys(seed or ()))]
    if not seeds:
        seeds = [show_row(now, row) for row in now.once("default seeds", lambda: default_seeds(now.catalogue))]
    chosen = chosen_models(now, model or ())
    found = answers.search(now, q, limit=8).items if q.strip() else ()
    ids = [one.track_id for one in seeds]
    return page(
        request,
        "compare.html",
        q=q,
        found=[
            (Shown(one), address("/models", seed=[*ids[-MOST_SEEDS + 1 :], one.track_id], model=model)) for one in found
        ],
        blocks=[(one, side_by_side(now, one.track_id, chosen)) for one in seeds[:MOST_SEEDS]],
        without=[address("/models", seed=[other for other in ids if other != one], model=model) for one in ids],
        chosen=chosen,
        models=now.models,
        oracle=ORACLE,
        n=LENGTH,
    )


def chosen_models(now: Loaded, wanted: list[str] | tuple[()]) -> list[str]:
    """The models that are asked for, or a telling few; the truth first."""
    unknown = next((name for name in wanted if not now.knows(name)), None)
    if unknown is not None:
        raise answers.NotFoundError(f"no model {unknown!r}; choose from those below the lists of /models")
    names = list(wanted) or [now.default.model, *USUAL]
    names = [name for name in dict.fromkeys((ORACLE, *names)) if now.knows(name)]
    return names[:MOST_MODELS]


def side_by_side(now: Loaded, track_id: str, models: list[str]) -> list[dict[str, object]]:
    """A list per model; tracks that the truth names too are marked."""
    lists = {
        model: results(answers.similar(now, track_id, Options(n=LENGTH, candidates="all", model=model)))
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
