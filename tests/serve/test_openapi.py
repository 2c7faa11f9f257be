"""Fuzz a running server with schemathesis: every response conforms to the OpenAPI document."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.builders.server import running
from unheard.serve import api
from unheard.serve.config import ServeConfig

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
MAX_QUERY_CHARS = 50_000  # uvicorn refuses a request line of 64 kB by itself, in plain text
STARTS_PROCESSES = "POST /api/jobs"  # test_jobs.py does that

DOCUMENT = FastAPI()
api.add_routes(DOCUMENT)
OPERATIONS = {
    found.ok().label: found.ok()  # type: ignore[union-attr]  # an error would end the collection of the tests
    for found in schemathesis.openapi.from_dict(DOCUMENT.openapi()).get_all_operations()
}
del OPERATIONS[STARTS_PROCESSES]

# Invalid requests are fuzzed as well, for operations with parameters or a body.
CASES = [(label, GenerationMode.POSITIVE) for label in OPERATIONS] + [
    (label, GenerationMode.NEGATIVE)
    for label, operation in OPERATIONS.items()
    if operation.definition.raw.keys() & {"parameters", "requestBody"}
]


@pytest.fixture(scope="module")
def fuzzed_url(served_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a separate server."""
    copy = shutil.copytree(served_workspace, tmp_path_factory.mktemp("fuzzed") / "w")
    with running(ServeConfig(workspace=copy)) as url:
        yield url


def test_the_server_has_the_same_document(fuzzed_url: str) -> None:
    assert httpx.get(f"{fuzzed_url}/openapi.json").json()["paths"] == DOCUMENT.openapi()["paths"]


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_responses_conform_to_the_document(fuzzed_url: str, label: str, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def answered(case: schemathesis.Case) -> None:
        assume(len(urlencode(case.query or {}, doseq=True, errors="replace")) < MAX_QUERY_CHARS)
        case.call_and_validate(base_url=fuzzed_url, checks=CHECKS, timeout=60)

    answered()
