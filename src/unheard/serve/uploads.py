"""Store uploaded files on disk while a request needs them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import UploadFile

from unheard.temporaries import scratch_folder, temporary_beside

UNSAFE = re.compile(r"[^\w ().,&'-]")
MAX_NAME_CHARS = 50  # at most 200 bytes
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


@contextmanager
def on_disk(upload: UploadFile) -> Iterator[Path]:
    """Write an upload to a file that only this user may read; it is deleted when the block ends.

    The file keeps the uploaded name without unsafe characters, because a file without tags is titled by its name.
    """
    with scratch_folder("upload") as folder:
        path = folder / safe_name(upload)
        with path.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        yield path


def store(uploads: Sequence[UploadFile], folder: Path) -> None:
    """Write uploads into a folder, over those of earlier requests; two of one name in `uploads` get numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    for upload in uploads:
        given = Path(safe_name(upload))
        name, number = given.name, 2
        while name in written:
            name, number = f"{given.stem} {number}{given.suffix}", number + 1
        with temporary_beside(folder / name) as beside:
            with beside.open("wb") as out:
                shutil.copyfileobj(upload.file, out)
            beside.replace(folder / name)
        written.add(name)


def safe_name(upload: UploadFile) -> str:
    """Return the uploaded name without folders and unsafe characters."""
    given = Path((upload.filename or "").replace("\\", "/").rpartition("/")[2])
    suffix = given.suffix if SUFFIX.fullmatch(given.suffix) else ""
    return f"{UNSAFE.sub('_', given.stem)[:MAX_NAME_CHARS].lstrip('.') or 'upload'}{suffix}"
