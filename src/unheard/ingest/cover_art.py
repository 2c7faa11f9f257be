"""Find the cover of a track: the picture in its tags, or a picture file beside it.

Tags: ID3 (APIC), FLAC and Vorbis (pictures and METADATA_BLOCK_PICTURE), MP4 (covr), APEv2 and ASF. Invalid tags never
raise an error. A picture file must be in the track's own folder; a link that leads out of it is not followed.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unheard.regular_files import is_regular

FRONT = 3  # type of a front cover in ID3, FLAC, Vorbis and ASF
MAX_BYTES = 20_000_000  # of one picture; larger ones are passed over
STEMS = ("cover", "folder", "front", "album", "albumart", "albumartsmall")  # best first
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
MAX_FILES = 5_000  # of a folder that is searched


def find_cover(path: Path, is_picture: Callable[[bytes], bool] = bool) -> bytes | None:
    """Return the bytes of a track's cover, or None: its front cover first, then its other pictures, then files.

    Candidates for which `is_picture` returns False are passed over.
    """
    for data in (*embedded_pictures(path), *_pictures_beside(path)):
        if 0 < len(data) <= MAX_BYTES and is_picture(data):
            return data
    return None


def embedded_pictures(path: Path) -> list[bytes]:
    """Return the pictures in a file's tags, front covers first."""
    import mutagen

    try:
        file = mutagen.File(path)
        found = [] if file is None else list(_pictures(file))
    except Exception:  # noqa: BLE001 - damaged tags make mutagen raise any exception
        return []
    return [data for _, data in sorted(found, key=lambda one: one[0] != FRONT)]


def _pictures(file: Any) -> Iterator[tuple[int, bytes]]:
    """Yield (type, bytes) of every picture of a file that mutagen opened."""
    for picture in getattr(file, "pictures", None) or ():  # FLAC
        yield int(picture.type), bytes(picture.data)
    tags = file.tags
    if not tags:
        return
    if hasattr(tags, "getall"):  # ID3
        for frame in tags.getall("APIC"):
            yield int(frame.type), bytes(frame.data)
        return
    for key in tags.keys():  # noqa: SIM118 - the tags of Vorbis iterate over pairs
        name = str(key).lower()
        if name in ("covr", "metadata_block_picture", "wm/picture") or name.startswith("cover art"):
            values = tags[key]
            for value in values if isinstance(values, list) else [values]:
                yield from _picture_of(name, value)


def _picture_of(name: str, value: Any) -> Iterator[tuple[int, bytes]]:
    data = getattr(value, "value", value)  # APEv2 and ASF wrap each value
    if name == "covr":
        yield FRONT, bytes(data)
    elif name == "metadata_block_picture":
        from mutagen.flac import Picture

        try:
            picture: Any = Picture(base64.b64decode(data))  # type: ignore[no-untyped-call]
        except (binascii.Error, ValueError, struct.error, EOFError):
            return
        yield int(picture.type), bytes(picture.data)
    elif name == "wm/picture":  # type, size, then two texts in UTF-16 that end with a zero, then the picture
        kind, size = struct.unpack("<BI", data[:5])
        yield int(kind), bytes(data[len(data) - size :])
    else:  # APEv2: a file name, a zero byte, the picture
        yield FRONT if "front" in name else 0, bytes(data).partition(b"\0")[2]


def _pictures_beside(path: Path) -> Iterator[bytes]:
    folder = path.parent
    try:
        home = folder.resolve(strict=True)
        names = [child.name for _, child in zip(range(MAX_FILES), folder.iterdir(), strict=False)]
    except OSError:
        return
    by_name = {name.lower(): name for name in names}
    for stem in STEMS:
        for suffix in SUFFIXES:
            name = by_name.get(f"{stem}{suffix}")
            if name is None:
                continue
            try:
                file = (home / name).resolve(strict=True)
                if file.parent == home and is_regular(file) and file.stat().st_size <= MAX_BYTES:
                    yield file.read_bytes()
            except OSError:
                continue
