"""What goes wrong, as {error_code, message} and never as a traceback. The API answers in JSON, the rest in pages."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import fastapi
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from unheard.errors import AudioError, LockedError, MissingStageError, UnheardError, UserError
from unheard.library import explain
from unheard.serve.audio_worker import BusyError
from unheard.serve.jobs.requests import NotAllowedError
from unheard.serve.pages.layout import error_page
from unheard.serve.queries import NotFoundError
from unheard.serve.schema import Error

MAX_MESSAGE_CHARS = 1000
SHOWN_PROBLEMS = 5


def api_error(status: int, code: str, message: str) -> HTTPException:
    """An error to raise, or to answer with."""
    return fastapi.HTTPException(status, Error(error_code=code, message=message).model_dump())


def error_response(scope: Scope, error: HTTPException, *, headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells an error, in the form that suits the address."""
    told = _told(error)
    if not scope["path"].startswith("/api"):
        answer = error_page(Request(scope), error.status_code, HTTPStatus(error.status_code).phrase, told.message)
        answer.headers.update(headers or error.headers or {})
        return answer
    body = told.model_dump_json().encode("utf-8", "replace")
    return Response(body, error.status_code, dict(headers or error.headers or {}), "application/json")


def of_exception(error: Exception) -> HTTPException:
    """Return an error of ours, or of the framework, as status, code and message."""
    if isinstance(error, sqlite3.Error) and (told := explain(error, "library.sqlite")) is not None:
        if not isinstance(told, LockedError):
            return api_error(500, "library_unreadable", f"{told}; see `unheard doctor -w W`")
        error = told
    match error:
        case HTTPException():
            return error
        case RequestValidationError():
            return api_error(422, "invalid_request", _problems(error))
        case NotFoundError():
            return api_error(404, "not_found", str(error))
        case NotAllowedError():
            return api_error(403, "path_not_allowed", str(error))
        case BusyError() | LockedError():
            return api_error(503, "busy", str(error))
        case MissingStageError():
            return api_error(409, "not_ready", str(error))
        case AudioError():
            # Neither its temporary name nor what a scan would be advised to do.
            return api_error(422, "unusable_audio", f"{error.reason.value}: {error.detail.partition(';')[0]}")
        case UserError():
            return api_error(400, "bad_request", str(error))
        case UnheardError():
            return api_error(500, "failed", str(error))
    return api_error(500, "internal_error", "something went wrong here, not with you; the server's log says what")


def add_handlers(app: FastAPI) -> None:
    """Have every error told as above."""

    async def tell(request: Request, error: Exception) -> Response:
        found = of_exception(error)
        if found.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            logging.getLogger("unheard").error("%s %s", request.method, request.url.path, exc_info=error)
        return error_response(request.scope, found)

    for kind in (HTTPException, RequestValidationError, UnheardError, sqlite3.Error, Exception):
        app.add_exception_handler(kind, tell)


def _told(error: HTTPException) -> Error:
    detail: Any = error.detail
    if isinstance(detail, dict):
        told = Error.model_validate(detail)
    else:
        told = Error(error_code=HTTPStatus(error.status_code).name.lower(), message=str(detail))
    return told.model_copy(update={"message": " ".join(_printable(told.message).split())[:MAX_MESSAGE_CHARS]})


def _problems(error: RequestValidationError) -> str:
    """Which values were wrong and why, without the values."""
    found = error.errors()
    places = ((".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in found[:SHOWN_PROBLEMS])
    told = [f"{place}: {what}" if place else str(what) for place, what in places]
    return "; ".join(told) + (f"; and {len(found) - SHOWN_PROBLEMS} more" if len(found) > SHOWN_PROBLEMS else "")


def _printable(text: str) -> str:
    """Text that can be written as UTF-8; a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
