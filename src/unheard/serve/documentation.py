"""/docs: the API reference, generated from the OpenAPI document. The page loads no scripts and no other server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from unheard.serve.pages.layout import page
from unheard.serve.state import server_state

router = APIRouter()


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body or response."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body_type: str
    body: list[Field]
    response_type: str
    response: list[Field]


@router.get("/docs")
def documentation(request: Request) -> Response:
    """Show the page."""
    document = request.app.openapi()
    token = server_state(request).config.token is not None
    return page(request, "docs.html", groups=operations(document), token=token)


def operations(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of an OpenAPI document by tag, in its order."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            responses = operation["responses"].get("200", operation["responses"].get("202", {})).get("content", {})
            body_type, body = _fields(document, content)
            response_type, response = _fields(document, responses)
            groups.setdefault(operation["tags"][0], []).append(
                Operation(
                    method.upper(),
                    path,
                    operation["summary"],
                    operation.get("description", ""),
                    [
                        Field(one["name"], _type(one["schema"]), one.get("description", ""))
                        for one in operation.get("parameters", [])
                    ],
                    body_type,
                    body,
                    response_type,
                    response,
                )
            )
    return groups


def _fields(document: dict[str, Any], content: dict[str, Any]) -> tuple[str, list[Field]]:
    """Return the media types and fields of a body; for alternative schemas the fields of all."""
    found: dict[str, Field] = {}
    for described in content.values():
        for schema in _objects(document, described.get("schema", {})):
            for name, one in schema.get("properties", {}).items():
                found.setdefault(name, Field(name, _type(one), one.get("description", "")))
    return ", ".join(content), list(found.values())


def _objects(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in schema:
        return [document["components"]["schemas"][_name(schema)]]
    if "items" in schema:
        return _objects(document, schema["items"])
    choices = schema.get("oneOf", schema.get("anyOf", []))
    return [found for choice in choices for found in _objects(document, choice)] or [schema]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "const" in schema or "enum" in schema:
        return " or ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices:
        return " or ".join(dict.fromkeys(_type(choice) for choice in choices))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "anything")))


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]
