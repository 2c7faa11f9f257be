"""The Parquet file of vectors loads in Spark, with the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from unheard.recommend.vector_formats import FORMATS, VectorTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.cluster


def test_vectors_load_in_spark(spark: SparkSession, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    path = tmp_path / "vectors.parquet"
    written = VectorTable(["a", "ü/b", "c"], ["/music/a.flac", "", "/music/c.flac"], vectors, {"model": "blend"})
    FORMATS["parquet"].write(path, written)
    table = spark.read.parquet(str(path))
    assert table.dtypes == [("track_id", "string"), ("path", "string"), ("vector", "array<float>")]
    rows = {row["track_id"]: row["vector"] for row in table.collect()}
    assert np.array_equal(np.array([rows[name] for name in ("a", "ü/b", "c")], np.float32), vectors)
