"""Media types of audio files, by the suffix of their names."""

from __future__ import annotations

from pathlib import PurePath

MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
    ".wma": "audio/x-ms-wma",
}
UNKNOWN_MEDIA = "application/octet-stream"


def media_type_of(path: PurePath) -> str:
    """Return the media type of an audio file."""
    return MEDIA_TYPES.get(path.suffix.lower(), UNKNOWN_MEDIA)
