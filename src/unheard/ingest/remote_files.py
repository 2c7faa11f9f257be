"""Read files in object storage by URL (s3://BUCKET/KEY, gs://..., any file system of fsspec): status, listing, a copy.

Everything that reads audio needs a file on a disk, so a file is fetched, used and deleted. Nothing is written to object
storage. Settings of a file system (endpoint, keys, regions) come from its own environment variables and files, and from
fsspec's (https://filesystem-spec.readthedocs.io/en/latest/features.html#configuration).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from unheard.errors import UserError
from unheard.temporaries import scratch_folder

URL = re.compile(r"[a-z][a-z0-9+.-]+://")
VERSION_NAMES = ("ETag", "etag", "md5Hash", "md5", "crc32c", "checksum")  # what file systems call a hash of the bytes


class FileStatus(NamedTuple):
    """Tells whether a file is the one that was read. Of a URL, `ctime_ns` is made from its version, 0 if unknown."""

    size: int
    mtime_ns: int
    ctime_ns: int


def is_url(path: object) -> bool:
    """Return whether a path names a file or folder in object storage."""
    return isinstance(path, str) and URL.match(path) is not None


def file_status(path: str) -> FileStatus:
    """Return the status of a file on a disk or at a URL; OSError if there is none."""
    if not is_url(path):
        found = os.stat(path)  # noqa: PTH116 - paths are strings here
        return FileStatus(found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    with _os_errors(path):
        fs, inner = _file_system(path)
        info = fs.info(inner)
        if info["type"] != "file":
            raise FileNotFoundError(errno.ENOENT, "not a file", path)
        return FileStatus(int(info["size"] or 0), _modified_ns(fs, inner), _version(info))


def is_folder(url: str) -> bool:
    """Return whether a URL is a folder, not a file; UserError if there is neither."""
    try:
        with _os_errors(url):
            fs, inner = _file_system(url)
            fs.invalidate_cache()
            if fs.isfile(inner):
                return False
            if fs.isdir(inner):
                return True
    except OSError as error:
        raise UserError(f"{url}: {error.strerror or error}; check the URL and the access to it") from error
    raise UserError(f"{url}: no such file or folder; name a folder of audio or a file")


def list_files(url: str) -> list[str]:
    """Return the URLs of all files below a folder."""
    with _os_errors(url):
        fs, inner = _file_system(url)
        return [fs.unstrip_protocol(name) for name in fs.find(inner)]


@contextmanager
def local_file(path: str, root: str | None = None) -> Iterator[tuple[Path, Path | None]]:
    """Yield a path on a disk for a path or URL, and the scanned folder `root` of it; OSError if it cannot be read.

    The copy of a URL has its name, and its folders below one with the name of `root`, because tags may come from them.
    """
    if not is_url(path):
        yield Path(path), None if root is None else Path(root)
        return
    if ".." in Path(path).parts:  # its copy would lie outside of the temporary folder
        raise OSError(errno.EINVAL, "its name has `..`", path)
    with scratch_folder() as scratch:
        below = Path(path).name if root is None else Path(path).relative_to(root)
        folder = scratch / (Path(root or path).name or "root")
        target = folder / below
        target.parent.mkdir(parents=True)
        with _os_errors(path):
            fs, inner = _file_system(path)
            fs.get_file(inner, str(target))
        yield target, None if root is None else folder


def _file_system(url: str) -> tuple[Any, str]:
    if "::" in url:
        raise UserError(f"{url}: one file system inside another; unpack the archive, or name the outer file system")
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UserError(f"{url}: fsspec is missing ({error}); pip install 'unheard[remote]'") from error
    try:
        fs, inner = url_to_fs(url)
    except ImportError as error:  # of s3fs, gcsfs, ...
        raise UserError(f"{url}: {error}") from error
    except ValueError as error:
        raise UserError(f"{url}: {error}; expected a URL such as s3://BUCKET/FOLDER") from error
    return fs, str(inner)


def _modified_ns(fs: Any, inner: str) -> int:
    """Return the time of the last change; 0 for file systems that do not know it."""
    try:
        return int(fs.modified(inner).timestamp() * 1e6) * 1000
    except (NotImplementedError, KeyError, AttributeError):
        return 0


def _version(info: dict[str, Any]) -> int:
    """Return a number of 62 bits that changes with a file's version; 0 if the file system tells none."""
    version = next((str(info[name]) for name in VERSION_NAMES if info.get(name)), "")
    return int(hashlib.blake2b(version.encode(), digest_size=8).hexdigest(), 16) >> 2 if version else 0


@contextmanager
def _os_errors(url: str) -> Iterator[None]:
    """Turn what the clients of object stores raise into OSError."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}"[:300], url) from error
