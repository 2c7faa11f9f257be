"""The routes of the Subsonic API: /rest/NAME and /rest/NAME.view, as GET or as a posted form.

Every answer has the status 200, errors too, as the specification asks; only an error of the server itself is a 500.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from unheard.errors import UnheardError
from unheard.serve.keys import read_keys
from unheard.serve.queries import NotFoundError
from unheard.serve.redaction import without_folders
from unheard.serve.state import server_state
from unheard.serve.subsonic.answer import VERSION, response
from unheard.serve.subsonic.call import Call
from unheard.serve.subsonic.endpoints import ENDPOINTS, EXTENSIONS, LISTENING
from unheard.serve.subsonic.errors import Code, SubsonicError
from unheard.serve.subsonic.key_check import name_of_sender
from unheard.serve.subsonic.parameters import Parameters

router = APIRouter(prefix="/rest")

FORM = "application/x-www-form-urlencoded"
FORMATS = ("xml", "json")


@router.api_route("/{name}", methods=["GET", "POST"])
async def rest(request: Request, name: str) -> Response:
    """Answer one request."""
    is_form = request.headers.get("content-type", "").lower().startswith(FORM)
    body = await request.body() if request.method == "POST" and is_form else b""
    if body:
        request.scope["method"] = "GET"  # a posted form stands for one: files are sent in ranges too
    return await run_in_threadpool(_answer, request, name.removesuffix(".view"), body)


def _answer(request: Request, name: str, body: bytes) -> Response:
    form = "xml"
    try:
        parameters = Parameters(request.scope["query_string"], body)
        form = parameters.text("f", form)
        answer = _answered(request, name, parameters, form)
    except (SubsonicError, UnheardError) as error:
        message = without_folders(str(error), server_state(request).config.folders)
        found = {"error": {"code": int(_code(error)), "message": message}}
        return response(found, form, failed=True)
    return answer


def _answered(request: Request, name: str, parameters: Parameters, form: str) -> Response:
    if form not in FORMATS:
        raise SubsonicError(Code.GENERIC, f"f: expected {' or '.join(FORMATS)}, found {form[:40]!r}")
    endpoint = ENDPOINTS.get(name)
    if endpoint is None:
        raise SubsonicError(Code.GENERIC, f"unknown endpoint: {name[:60]}")
    _check_version(parameters.text("v"))
    server = server_state(request)
    user, scope = "", "read"
    if name != EXTENSIONS:
        keys = read_keys(server.workspace)
        user = name_of_sender(parameters, keys)
        scope = keys[user].scope
    if scope == "read" and name in LISTENING:
        raise SubsonicError(Code.NOT_ALLOWED, f"{name}: the key {user} may only read; make one of the scope listen")
    answer = endpoint(Call(server, request, parameters, user, may_listen=scope != "read"))
    return answer if isinstance(answer, Response) else response(answer, form)


def _check_version(version: str) -> None:
    """Raise SubsonicError if a client speaks another major version; one that names none is taken as it is."""
    theirs, ours = version.partition(".")[0], VERSION.partition(".")[0]
    if theirs.isascii() and theirs.isdecimal() and theirs != ours:
        is_old = len(theirs) <= len(ours) and theirs < ours
        raise SubsonicError(
            Code.OLD_CLIENT if is_old else Code.OLD_SERVER, f"version {version[:20]}: expected {ours}.x"
        )


def _code(error: Exception) -> Code:
    if isinstance(error, SubsonicError):
        return error.code
    return Code.NOT_FOUND if isinstance(error, NotFoundError) else Code.GENERIC
