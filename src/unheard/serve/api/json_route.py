"""Serialise responses to JSON in the thread that computes them.

FastAPI would validate a response that is a pydantic model already, in a second thread; on a busy server waiting for it
takes most of the response time. The return type of the function is in the OpenAPI document all the same.
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
    """A route that returns JSON; a function that is not a coroutine is wrapped to serialise its model."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if inspect.iscoroutinefunction(endpoint) else _serialised(endpoint), **options)


def _serialised(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    def call(*args: Any, **values: Any) -> Any:
        found = endpoint(*args, **values)
        if not isinstance(found, BaseModel):
            return found
        return Response(found.model_dump_json(), media_type="application/json")

    return call
