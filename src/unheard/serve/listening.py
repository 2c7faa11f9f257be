"""The rater's pages of a listening test. Whoever has the link of a rater is that rater; nothing else is asked.

What leaves the server names neither a track nor a model: screens are numbered, clips go by the number of the screen
(seeds by their turn), are equally long and equally big, and bear the same date. The pages share the style sheet of the
others and not their frame, whose menu would lead to what has to stay unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from unheard.errors import UnheardError, UserError
from unheard.listening_test import answers
from unheard.listening_test.answers import Answer, Answered
from unheard.listening_test.study import Item, Rater, Study, read_study, studies_dir
from unheard.serve.caching import CLIP, UNCACHED
from unheard.serve.pages.frame import environment
from unheard.serve.state import Served, served

SECONDS_TO_ANSWER = 15


class RaterError(UnheardError):
    """What a rater can do something about, in plain words."""


class LinkError(RaterError):
    """An address that belongs to nobody."""


class ListenRoute(APIRoute):
    """A route whose mistakes are told in plain words, in the rater's own frame."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_or_explain(request: Request) -> Response:
            try:
                return await answer(request)
            except LinkError as error:
                return _page("listen_message.html", status=404, title="This link leads nowhere", message=str(error))
            except RaterError as error:
                return _page("listen_message.html", status=400, title="That did not work", message=str(error))
            except UnheardError:  # names files of the server, which are not the rater's business
                message = "The server has a problem with its files. Please tell whoever sent you the link."
                return _page("listen_message.html", status=500, title="That did not work", message=message)

        return answer_or_explain


router = APIRouter(prefix="/listen", route_class=ListenRoute)


@dataclass(frozen=True)
class Place:
    """One rater's place in a study, and what is answered there."""

    folder: Path
    study: Study
    rater: Rater
    answered: Answered

    @property
    def seeds(self) -> list[str]:
        """Seeds in the order in which the rater meets them."""
        return list(dict.fromkeys(item.seed for item in self.rater.items))

    def clip(self, track: str) -> Path:
        return self.folder / "clips" / self.study.clips[track]


def place(token: str, held: Annotated[Served, Depends(served)]) -> Place:
    """Whose link it is; LinkError if nobody's."""
    for file in sorted(studies_dir(held.workspace).glob("*/study.json")):
        try:
            study = _read(file.parent, file.stat().st_mtime_ns)
        except (UserError, OSError):  # another study is damaged: no reason to turn this rater away
            continue
        rater = study.rater_of_token.get(token)
        if rater is not None:
            return Place(file.parent, study, rater, answers.read_answers(file.parent, study, rater))
    raise LinkError("Copy the whole link from the message that you got, or ask whoever sent it.")


@lru_cache(maxsize=64)
def _read(folder: Path, _mtime_ns: int) -> Study:
    return read_study(folder)


Here = Annotated[Place, Depends(place)]


@router.get("/{token}")
def show(here: Here, item: str = "") -> Response:
    """The page that the rater needs next, or an answered screen once more."""
    if not here.answered.consent:
        return _start(here)
    wanted = here.rater.item(item) if item in here.answered.answers else here.answered.next_item(here.rater)
    if wanted is None:
        return _page("listen_done.html", **_frame(here))
    return _screen(here, wanted)


@router.post("/{token}/start")
def start(here: Here, consent: Annotated[str, Form()] = "") -> Response:
    """Store the consent; without it nothing is asked and nothing is stored."""
    if consent != "yes":
        raise RaterError("Tick the box if you want to take part; if not, just close this page.")
    answers.append(here.folder, here.rater, {"consent": True})
    return _onwards(here)


@router.post("/{token}/answer")
def answer(
    here: Here,
    item: Annotated[str, Form()] = "",
    similarity: Annotated[str, Form()] = "",
    liking: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
    seconds: Annotated[str, Form()] = "",
) -> Response:
    """Store one answer on disk, then show the next screen."""
    if not here.answered.consent:
        raise RaterError("Go back to the first page of your link and tick the box first.")
    if here.rater.item(item) is None:
        raise RaterError("This page is not one of yours. Open your link again; your answers are kept.")
    given = Answer(item, _seconds(seconds), _points(similarity), _points(liking), _points(choice))
    try:
        answers.check_answer(here.study.kind, given)
    except UserError:
        raise RaterError("An answer was missing. Go back, answer every question, and go on from there.") from None
    answers.append(here.folder, here.rater, given.as_json())
    return _onwards(here)


@router.post("/{token}/withdraw")
def withdraw(here: Here) -> Response:
    """Delete everything that the rater has answered."""
    answers.withdraw(here.folder, here.rater)
    message = "Nothing of what you answered is kept. The link still works, should you change your mind."
    return _page("listen_message.html", title="Your answers are deleted", message=message)


@router.get("/{token}/volume.mp3")
def volume(here: Here) -> Response:
    """The clip to set the volume with."""
    return _sound(here.clip(here.study.volume_clip))


@router.get("/{token}/seed/{turn}.mp3")
def seed(here: Here, turn: str) -> Response:
    """The rater's first, second, ... starting track."""
    if not turn.isdecimal() or not 1 <= int(turn) <= len(here.seeds):
        raise LinkError("There is no such clip.")
    return _sound(here.clip(here.seeds[int(turn) - 1]))


@router.get("/{token}/clip/{item}-{side}.mp3")
def clip(here: Here, item: str, side: str) -> Response:
    """A candidate of one screen."""
    found = here.rater.item(item)
    if found is None or side not in {"1", "2"} or int(side) > len(found.tracks):
        raise LinkError("There is no such clip.")
    return _sound(here.clip(found.tracks[int(side) - 1]))


def _start(here: Place) -> Response:
    study, n = here.study, len(here.rater.items)
    minutes = n * (study.clip_s * (1 if study.kind == "rate" else 2) + SECONDS_TO_ANSWER) / 60
    told = {"n_items": n, "minutes": max(1, round(minutes)), "clip_s": round(study.clip_s)}
    return _page("listen_start.html", **_frame(here), **told)


def _screen(here: Place, item: Item) -> Response:
    """One item. `new_seed`: whether the screen before had another starting track."""
    number = here.rater.items.index(item)
    before = here.rater.items[number - 1] if number else None
    return _page(
        "listen_item.html",
        **_frame(here),
        item=item.name,
        number=number + 1,
        turn=here.seeds.index(item.seed) + 1,
        new_seed=before is None or before.seed != item.seed,
        back=before.name if before is not None else "",
        given=here.answered.answers.get(item.name),
    )


def _frame(here: Place) -> dict[str, Any]:
    """What all of a rater's pages know."""
    return {
        "home": f"/listen/{here.rater.token}",
        "kind": here.study.kind,
        "done": len(here.answered.answers),
        "total": len(here.rater.items),
    }


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    html = environment().get_template(template).render(**values)
    headers = {"Cache-Control": UNCACHED, "X-Robots-Tag": "noindex", "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers=headers)


def _onwards(here: Place) -> Response:
    return RedirectResponse(f"/listen/{here.rater.token}", status_code=303)


def _sound(file: Path) -> Response:
    if not file.is_file():
        raise RaterError("This clip is missing on the server. Please tell whoever sent you the link.")
    return FileResponse(file, media_type="audio/mpeg", headers={"Cache-Control": CLIP})


def _points(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 else None


def _seconds(text: str) -> float:
    """Seconds as the page counted them; 0 for what is no number."""
    try:
        counted = float(text)
    except ValueError:
        return 0.0
    return round(min(max(counted, 0.0), answers.MAX_SECONDS), 1) if math.isfinite(counted) else 0.0
