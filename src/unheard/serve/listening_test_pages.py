"""Serve the rater's pages of a listening test. A rater is identified by the secret token in the link only.

The responses contain no name of a track or model: screens are numbered, clips are addressed by the number of the screen
(seeds by their order), and all clips have the same length, size and date. The pages use the style sheet of the other
pages but not their layout, whose menu would lead to information that raters must not see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from unheard.bounded_text import whole_number
from unheard.errors import UnheardError, UserError
from unheard.listening_test import answers
from unheard.listening_test.answers import Answer, Answered
from unheard.listening_test.study import Item, Rater, Study, read_study, studies_dir
from unheard.serve.http_caching import CLIP, UNCACHED
from unheard.serve.pages.layout import environment
from unheard.serve.sent_file import SentFile
from unheard.serve.state import ServerState, server_state


class RaterError(UnheardError):
    """An error that the rater can correct; its message is shown on the page."""


class LinkError(RaterError):
    """No rater has this link, or there is no such clip."""


class RaterRoute(APIRoute):
    """A route that shows errors on a rater's page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handler(request)
            except LinkError as error:
                return _page("listen_message.html", status=404, title="This link does not work", message=str(error))
            except RaterError as error:
                return _page("listen_message.html", status=400, title="That did not work", message=str(error))
            except UnheardError:  # its message names files of the server, which raters must not see
                message = "The server has a problem with its files. Please tell whoever sent you the link."
                return _page("listen_message.html", status=500, title="That did not work", message=message)

        return handle_errors


router = APIRouter(prefix="/listen", route_class=RaterRoute)


@dataclass(frozen=True)
class RaterSession:
    """The study, rater and answers of one link."""

    folder: Path
    study: Study
    rater: Rater
    answered: Answered

    @property
    def seeds(self) -> list[str]:
        """The seeds, in the order of the rater's items."""
        return list(dict.fromkeys(item.seed for item in self.rater.items))

    def clip(self, track: str) -> Path:
        return self.folder / "clips" / self.study.clips[track]


def rater_session(token: str, held: Annotated[ServerState, Depends(server_state)]) -> RaterSession:
    """Return the session of a link's token; raise LinkError if no rater has it."""
    for file in sorted(studies_dir(held.workspace).glob("*/study.json")):
        try:
            study = _read(file.parent, file.stat().st_mtime_ns)
        except (UserError, OSError):  # a damaged study must not lock out the raters of others
            continue
        rater = study.rater_of_token.get(token)
        if rater is not None:
            return RaterSession(file.parent, study, rater, answers.read_answers(file.parent, study, rater))
    raise LinkError("Copy the whole link from the message that you received, or ask the person who sent it.")


@lru_cache(maxsize=64)
def _read(folder: Path, _mtime_ns: int) -> Study:
    return read_study(folder)


CurrentRater = Annotated[RaterSession, Depends(rater_session)]


@router.get("/{token}")
def show(session: CurrentRater, item: str = "") -> Response:
    """Show the first item without an answer, or `item` if it is answered already."""
    if not session.answered.consent:
        return _start(session)
    shown = session.rater.item(item) if item in session.answered.answers else session.answered.next_item(session.rater)
    if shown is None:
        return _page("listen_done.html", **_frame(session))
    return _screen(session, shown)


@router.post("/{token}/start")
def start(session: CurrentRater, consent: Annotated[str, Form()] = "") -> Response:
    """Store the consent; without it no item is shown and nothing is stored."""
    if consent != "yes":
        raise RaterError("Tick the box if you want to take part; if not, just close this page.")
    if not session.answered.consent:
        answers.append(session.folder, session.rater, {"consent": True})
    return _next_screen(session)


@router.post("/{token}/answer")
def answer(
    session: CurrentRater,
    item: Annotated[str, Form()] = "",
    similarity: Annotated[str, Form()] = "",
    liking: Annotated[str, Form()] = "",
    choice: Annotated[str, Form()] = "",
    seconds: Annotated[str, Form()] = "",
) -> Response:
    """Store one answer, then show the next screen."""
    if not session.answered.consent:
        raise RaterError("Open your link again and tick the box first.")
    if session.rater.item(item) is None:
        raise RaterError("This page is not part of your test. Open your link again; your answers are kept.")
    given = Answer(item, _seconds(seconds), _points(similarity), _points(liking), _points(choice))
    try:
        answers.check_answer(session.study.kind, given)
    except UserError:
        raise RaterError("An answer was missing. Go back and answer every question.") from None
    if session.answered.is_full(session.rater):
        raise RaterError("You have changed your answers too many times to change them again; the last ones are kept.")
    answers.append(session.folder, session.rater, given.as_json())
    return _next_screen(session)


@router.post("/{token}/withdraw")
def withdraw(session: CurrentRater) -> Response:
    """Delete all answers of the rater."""
    answers.withdraw(session.folder, session.rater)
    message = "All your answers are deleted. The link still works if you change your mind."
    return _page("listen_message.html", title="Your answers are deleted", message=message)


@router.get("/{token}/volume.mp3")
def volume(session: CurrentRater) -> Response:
    """Send the clip for setting the volume."""
    return _clip_file(session.clip(session.study.volume_clip))


@router.get("/{token}/seed/{number}.mp3")
def seed(session: CurrentRater, number: str) -> Response:
    """Send the rater's first, second, ... starting track."""
    at = whole_number(number) or 0
    if not 1 <= at <= len(session.seeds):
        raise LinkError("There is no such clip.")
    return _clip_file(session.clip(session.seeds[at - 1]))


@router.get("/{token}/clip/{item}-{side}.mp3")
def clip(session: CurrentRater, item: str, side: str) -> Response:
    """Send a candidate of one screen."""
    screen = session.rater.item(item)
    if screen is None or side not in {"1", "2"} or int(side) > len(screen.tracks):
        raise LinkError("There is no such clip.")
    return _clip_file(session.clip(screen.tracks[int(side) - 1]))


def _start(session: RaterSession) -> Response:
    study, n = session.study, len(session.rater.items)
    values = {"n_items": n, "minutes": max(1, round(study.minutes(n))), "clip_s": round(study.clip_s)}
    return _page("listen_start.html", **_frame(session), **values)


def _screen(session: RaterSession, item: Item) -> Response:
    """Return the page of one item. `new_seed`: whether the previous screen had another starting track."""
    number = session.rater.items.index(item)
    before = session.rater.items[number - 1] if number else None
    return _page(
        "listen_item.html",
        **_frame(session),
        item=item.name,
        number=number + 1,
        seed_number=session.seeds.index(item.seed) + 1,
        new_seed=before is None or before.seed != item.seed,
        back=before.name if before is not None else "",
        given=session.answered.answers.get(item.name),
    )


def _frame(session: RaterSession) -> dict[str, Any]:
    """Return the values that all of a rater's pages need."""
    return {
        "home": f"/listen/{session.rater.token}",
        "kind": session.study.kind,
        "done": len(session.answered.answers),
        "total": len(session.rater.items),
    }


def _page(template: str, *, status: int = 200, **values: object) -> Response:
    html = environment().get_template(template).render(**values)
    headers = {"Cache-Control": UNCACHED, "X-Robots-Tag": "noindex", "Referrer-Policy": "same-origin"}
    return HTMLResponse(html, status, headers=headers)


def _next_screen(session: RaterSession) -> Response:
    return RedirectResponse(f"/listen/{session.rater.token}", status_code=303)


def _clip_file(file: Path) -> Response:
    if not file.is_file():
        raise RaterError("This clip is missing on the server. Please tell whoever sent you the link.")
    return SentFile(file, media_type="audio/mpeg", headers={"Cache-Control": CLIP})


def _points(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 3 else None


def _seconds(text: str) -> float:
    """Return the seconds that the page measured; 0 if the text is not a number."""
    try:
        counted = float(text)
    except ValueError:
        return 0.0
    return round(min(max(counted, 0.0), answers.MAX_SECONDS), 1) if math.isfinite(counted) else 0.0
