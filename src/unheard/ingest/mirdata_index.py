"""Read the index of a data set of mirdata, https://mirdata.readthedocs.io: which audio file each track has.

    {"version": "1.0", "tracks": {"blues.00000": {"audio": ["genres/blues/blues.00000.wav", "<md5>"], ...}, ...}}

Paths are relative to the folder of the data set, in which the index must lie (mirdata downloads it to a folder of
its own). A track may have several files; the first that is there of `audio`, `audio_mix`, `audio_mono`, then others
that begin with `audio`, is the track. Bittner et al. (2019).
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from unheard.errors import TableError
from unheard.ingest.text_files import beginning

FIRST = ("audio", "audio_mix", "audio_mono")
START = 4000  # bytes
FIX = "copy the index of the data set into its folder; `mirdata` downloads both"


def is_mirdata_index(path: Path) -> bool:
    """Return whether a file looks like such an index; its name and its beginning are read."""
    if path.suffix != ".json" or "index" not in path.name:
        return False
    start = beginning(path, START)
    return start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and b'"tracks"' in start


def indexed_audio(path: Path) -> dict[str, Path]:
    """Return track id -> audio file, of tracks with one. TableError if the index is damaged, or if there are none."""
    try:
        tracks = json.loads(path.read_bytes())["tracks"]
        found = {str(name): file for name, files in tracks.items() if (file := _audio(path.parent, files)) is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TableError(path, f"not an index of mirdata ({str(error)[:80]})", FIX) from error
    if not found:
        raise TableError(path, f"none of its {len(tracks):,} tracks has an audio file below {path.parent}", FIX)
    return found


def _audio(folder: Path, files: dict[str, Any]) -> Path | None:
    """Return the audio file of a track; None if none is there. A path never leaves the folder."""
    names = [*FIRST, *sorted(name for name in files if name.startswith("audio") and name not in FIRST)]
    for name in names:
        value = files.get(name)
        relative = value[0] if isinstance(value, list) and value else None
        if isinstance(relative, str) and relative and ".." not in PurePosixPath(relative).parts:
            file = folder / relative
            if file.is_relative_to(folder) and file.is_file():
                return file
    return None
