"""Start a Spark session, and compute over ranges of numbers on its executors. Only this package imports pyspark."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unheard.errors import UnheardError, UserError
from unheard.ingest.decoders import decoder_versions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# A result may be larger than Spark's default of 1 GB: callers ask for a bounded number of rows at a time.
SETTINGS = {
    "spark.driver.maxResultSize": "0",
    "spark.log.level": "ERROR",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
    "spark.ui.showConsoleProgress": "false",
}
CAUSE = "unheard.errors."  # in the trace of a Python worker, before the name of an error of ours

Numbers = NDArray[np.int64]


@contextmanager
def spark_session(master: str, settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """Yield a session on the cluster at `master` (spark://HOST:PORT, yarn, k8s://..., local[N]), and stop it.

    settings  of Spark, by name, besides those of spark-defaults.conf

    A session that is already active is used and not stopped. Executors run the interpreter at the path of this one,
    unless PYSPARK_PYTHON names another. UserError if pyspark or Java is missing or if the master does not answer.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise UserError(
            f"pyspark cannot be imported ({error}); install it here and on every machine of the cluster: "
            "pip install 'unheard[spark]'"
        ) from error
    _require_java()
    from py4j.protocol import Py4JError

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    active = SparkSession.getActiveSession()
    try:
        spark = active or _builder(SparkSession, master, settings or {}).getOrCreate()
    except (PySparkException, Py4JError, RuntimeError) as error:
        raise UserError(f"{master}: no Spark session ({_first_line(error)}); check --master and --conf") from error
    try:
        yield spark
    except (PySparkException, Py4JError) as error:
        raise UnheardError(f"{master}: the cluster gave up ({_reason(error)}); run the same command again") from error
    finally:
        if active is None:
            spark.stop()


def over_ranges(
    spark: SparkSession,
    n: int,
    *,
    per_task: int,
    function: Callable[[Numbers, Any], Iterable[dict[str, Any]]],
    shared: Any,
    schema: pa.Schema,
) -> DataFrame:
    """Return the rows that `function(numbers, shared)` yields over ranges of the numbers 0 to n - 1.

    Each range of about `per_task` numbers is one task, and the rows are in the order of the ranges. `function` and what
    `shared` consists of are importable on the executors. A task fails on a machine with another version of unheard or
    of its decoders.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    sent = spark.sparkContext.broadcast((decoder_versions(), shared))

    def run(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        versions, of_all = sent.value
        if (here := decoder_versions()) != versions:
            raise UnheardError(f"an executor has {here}, the driver {versions}; install the same versions everywhere")
        numbers = [batch.column(0).to_numpy() for batch in batches]
        for row in function(np.concatenate(numbers), of_all) if numbers else ():
            yield pa.RecordBatch.from_pylist([row], schema)

    columns = from_arrow_schema(schema)
    return spark.range(0, n, 1, max(1, -(-n // per_task))).mapInArrow(run, columns)


def _builder(session: Any, master: str, settings: Mapping[str, str]) -> Any:
    builder = session.builder.master(master).appName("unheard")
    for name, value in {**SETTINGS, **settings}.items():
        builder = builder.config(name, value)
    return builder


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which("java") or (home and (Path(home) / "bin" / "java").exists())):
        raise UserError(
            "Java is not installed, and Spark needs 17 or newer; install it here and on every machine of the cluster "
            "(Debian: apt-get install openjdk-17-jre-headless), or set JAVA_HOME"
        )


def _reason(error: Exception) -> str:
    """Return the line of a trace with an error of ours, else its first line."""
    ours = (line.partition(CAUSE)[2] for line in str(error).splitlines() if CAUSE in line and ": " in line)
    return next(ours, _first_line(error))


def _first_line(error: Exception) -> str:
    lines = [line.strip().removeprefix(": ") for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("An error occurred while calling")]  # py4j's own first line
    return lines[0][:300] if lines else type(error).__name__
