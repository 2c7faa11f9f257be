"""Answers become JSON where they are made.

FastAPI would check and write an answer that is a typed model already, and wait for a second thread to do so; on a busy
server that wait is most of an answer's time. The type that a function names is in the OpenAPI document all the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel


class JsonRoute(APIRoute):
    """A route whose function, if it is a plain one, hands over its model as JSON."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if inspect.iscoroutinefunction(endpoint) else _written(endpoint), **options)


def _written(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    def answer(*args: Any, **values: Any) -> Any:
        found = endpoint(*args, **values)
        if not isinstance(found, BaseModel):
            return found
        return Response(found.model_dump_json(), media_type="application/json")

    return answer
