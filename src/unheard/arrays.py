"""Aliases of array types, each with one meaning throughout the package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # features, factors, embeddings, scores
Doubles = NDArray[np.float64]  # metrics, statistics, times in seconds
Reals = NDArray[np.floating]  # numbers of either precision, for functions that take both
Rows = NDArray[np.integer]  # positions in an array, in any integer width
Indices = NDArray[np.int64]  # positions that index another array
Mask = NDArray[np.bool_]  # which rows are meant
