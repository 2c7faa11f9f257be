"""Uploaded files, on disk for as long as they are needed."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import UploadFile

UNSAFE = re.compile(r"[^\w ().,&'-]")
MAX_NAME_CHARS = 50  # characters: at most 200 bytes
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@contextmanager
def on_disk(upload: UploadFile) -> Iterator[Path]:
    """A copy that only this user may read, removed when the block ends.

    It keeps the sender's name as far as that is harmless, because files without tags are called by it.
    """
    given = Path((upload.filename or "").replace("\\", "/").rpartition("/")[2])
    suffix = given.suffix if SUFFIX.fullmatch(given.suffix) else ""
    name = UNSAFE.sub("_", given.stem)[:MAX_NAME_CHARS].lstrip(".") or "upload"
    with tempfile.TemporaryDirectory(prefix="unheard-upload-") as folder:
        path = Path(folder) / f"{name}{suffix}"
        with path.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        yield path


def title_of(upload: UploadFile) -> str:
    """The name that the sender gave the file, for a file without a title."""
    return Path((upload.filename or "").replace("\\", "/")).stem[:200]
