"""Uploaded files, on disk for as long as they are needed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import UploadFile

SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@contextmanager
def on_disk(upload: UploadFile) -> Iterator[Path]:
    """A copy that only this user may read, removed when the block ends. Of the sender's name its suffix is kept."""
    suffix = Path(upload.filename or "").suffix
    with tempfile.TemporaryDirectory(prefix="unheard-upload-") as folder:
        path = Path(folder) / f"upload{suffix if SUFFIX.fullmatch(suffix) else ''}"
        with path.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        yield path


def title_of(upload: UploadFile) -> str:
    """The name that the sender gave the file, for a file without a title."""
    return Path((upload.filename or "").replace("\\", "/")).stem[:200]
