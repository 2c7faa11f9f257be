"""Turn exceptions into responses with {error_code, message}: JSON for the API, a page for the rest, no tracebacks."""

from __future__ import annotations

import logging
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import fastapi
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from unheard.errors import AudioError, DiskError, LockedError, MissingStageError, UnheardError, UserError
from unheard.serve.audio_worker import BusyError
from unheard.serve.jobs.requests import NotAllowedError
from unheard.serve.pages.layout import error_page
from unheard.serve.queries import NotFoundError
from unheard.serve.redaction import without_folders
from unheard.serve.schema import Error
from unheard.serve.security_headers import HEADERS
from unheard.system_errors import explain_sqlite, explain_write, is_of_disk

MAX_MESSAGE_CHARS = 1000
SHOWN_PROBLEMS = 5


def api_error(status: int, code: str, message: str) -> HTTPException:
    """Return an error with a code and a message, to raise or to send."""
    return fastapi.HTTPException(status, Error(error_code=code, message=message).model_dump())


def error_response(scope: Scope, error: HTTPException, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for an error: JSON below /api, a page elsewhere."""
    content = _content(error, scope)
    if not scope["path"].startswith("/api"):
        response = error_page(Request(scope), error.status_code, HTTPStatus(error.status_code).phrase, content.message)
        response.headers.update(headers or error.headers or {})
        return response
    body = content.model_dump_json().encode("utf-8", "replace")
    return Response(body, error.status_code, dict(headers or error.headers or {}), "application/json")


def of_exception(raised: Exception) -> HTTPException:
    """Return the status, code and message for an exception of this package or of the framework."""
    error = _explained(raised)
    if isinstance(raised, sqlite3.Error) and not isinstance(error, LockedError | DiskError | sqlite3.Error):
        return api_error(500, "library_unreadable", f"{error}; see `unheard doctor -w W`")
    match error:
        case HTTPException():
            return error
        case RequestValidationError():
            return api_error(422, "invalid_request", _problems(error))
        case NotFoundError():
            return api_error(404, "not_found", str(error))
        case NotAllowedError():
            return api_error(403, "path_not_allowed", str(error))
        case DiskError():
            return api_error(507, "disk_full", str(error))
        case BusyError() | LockedError():
            return api_error(503, "busy", str(error))
        case MissingStageError():
            return api_error(409, "not_ready", str(error))
        case AudioError():
            # Without the temporary path, and without the advice for a scan that follows the semicolon.
            return api_error(422, "unusable_audio", f"{error.reason.value}: {error.detail.partition(';')[0]}")
        case UserError():
            return api_error(400, "bad_request", str(error))
        case UnheardError():
            return api_error(500, "failed", str(error))
    return api_error(500, "internal_error", "internal error of the server; see its log")


def _explained(error: Exception) -> Exception:
    """Return an error of SQLite or of a full disk as one of this package; others as they are."""
    if isinstance(error, sqlite3.Error):
        return explain_sqlite(error, "library.sqlite") or error
    if isinstance(error, OSError) and is_of_disk(error):
        return explain_write(error, Path(error.filename or tempfile.gettempdir())) or error
    return error


def add_handlers(app: FastAPI, *, route_of: Callable[[Scope], str]) -> None:
    """Register the handlers of all exceptions.

    route_of  names a request in the log: its address may hold the link of a rater
    """

    async def handle(request: Request, error: Exception) -> Response:
        found = of_exception(error)
        if found.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            logging.getLogger("unheard").error("%s %s", request.method, route_of(request.scope), exc_info=error)
        return error_response(request.scope, found, headers={**HEADERS, **(found.headers or {})})

    for kind in (HTTPException, RequestValidationError, UnheardError, sqlite3.Error, OSError, Exception):
        app.add_exception_handler(kind, handle)


def _content(error: HTTPException, scope: Scope) -> Error:
    detail: Any = error.detail
    if isinstance(detail, dict):
        content = Error.model_validate(detail)
    else:
        content = Error(error_code=HTTPStatus(error.status_code).name.lower(), message=str(detail))
    message = without_folders(content.message, scope["app"].state.server.config.folders)
    return content.model_copy(update={"message": " ".join(_encodable(message).split())[:MAX_MESSAGE_CHARS]})


def _problems(error: RequestValidationError) -> str:
    """Describe which values are invalid and why, without the values."""
    found = error.errors()
    fields = ((".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in found[:SHOWN_PROBLEMS])
    problems = [f"{field}: {what}" if field else str(what) for field, what in fields]
    return "; ".join(problems) + (f"; and {len(found) - SHOWN_PROBLEMS} more" if len(found) > SHOWN_PROBLEMS else "")


def _encodable(text: str) -> str:
    """Return text that can be encoded as UTF-8; a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
