"""Read the raw values of a file's tags: ID3, Vorbis comments, MP4, ASF, APEv2, RIFF INFO, Matroska and others.

mutagen reads most of them. It reads neither RIFF INFO and Matroska nor the tags of a container that it does not expect
(ID3 or APEv2 in AAC, APEv2 in MP3): ID3 and APEv2 are looked for in every file, and what is still missing is taken from
FFmpeg, which reads the tags of all its containers, but only one value of each field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from unheard.ingest.matroska_tags import matroska_tags

Fields = dict[str, list[str]]

# Field -> lower-case keys of all tag formats, best first.
KEYS: dict[str, tuple[str, ...]] = {
    "title": ("tit2", "title", "\xa9nam"),
    "artists": ("txxx:artists", "artists", "----:com.apple.itunes:artists", "wm/artists"),
    "artist": ("tpe1", "artist", "\xa9art", "author", "performer"),
    "album_artist": (
        "tpe2", "albumartist", "album artist", "album_artist", "aart", "wm/albumartist", "txxx:albumartist",
        "txxx:album artist", "album/artist",
    ),
    "album": ("talb", "album", "\xa9alb", "wm/albumtitle", "album/title"),
    "isrc": ("tsrc", "isrc", "----:com.apple.itunes:isrc", "wm/isrc"),
    "mbid": (
        "ufid:http://musicbrainz.org", "musicbrainz_trackid", "----:com.apple.itunes:musicbrainz track id",
        "musicbrainz/track id", "txxx:musicbrainz track id",
    ),
    "release_date": (
        "tdrc", "tdrl", "tdor", "tyer", "date", "year", "\xa9day", "wm/year", "date_released", "date_recorded",
        "originaldate", "originalyear", "album/date_released",
    ),
    "genre": ("tcon", "genre", "\xa9gen", "wm/genre", "txxx:genre", "album/genre"),
    "compilation": ("tcmp", "compilation", "cpil", "wm/iscompilation", "txxx:compilation", "itunescompilation"),
}  # fmt: skip
MULTIPLE_IN_ID3V23 = frozenset({"tpe1", "tpe2", "tcon", "txxx:artists"})
SHORT_NAME = 3  # characters: AC/DC is one name
GENRES_WITH_SLASH = frozenset({"hip-hop/rap", "r&b/soul", "singer/songwriter", "pop/funk", "christian/gospel"})
NEEDED = ("title", "artist", "album", "genre", "release_date")


def read_fields(path: Path) -> Fields:
    """Return every value of the fields in `KEYS`; invalid tags give no values and never raise an error."""
    sources: tuple[Callable[[Path], Fields], ...] = (
        _container_tags,
        _matroska_tags,
        _id3_tags,
        _apev2_tags,
        _ffmpeg_tags,
    )
    found: Fields = {name: [] for name in KEYS}
    for source in sources:
        if all(found[name] for name in NEEDED):
            break
        try:
            more = source(path)
        except Exception:  # noqa: BLE001, S112 - damaged tags make mutagen raise any exception
            continue
        for name, values in more.items():
            found[name] = found[name] or values
    return found


def _container_tags(path: Path) -> Fields:
    import mutagen

    file = mutagen.File(path)
    return _fields_of(file.tags) if file is not None and file.tags else {}


def _id3_tags(path: Path) -> Fields:
    import mutagen.id3

    id3: Any = mutagen.id3  # has no annotations
    return _fields_of(id3.ID3(path, translate=False))  # translating to ID3v2.4 drops a TYER that is no year


def _apev2_tags(path: Path) -> Fields:
    import mutagen.apev2

    apev2: Any = mutagen.apev2
    return _fields_of(apev2.APEv2(path))


def _matroska_tags(path: Path) -> Fields:
    return _select(matroska_tags(path).items())


def _ffmpeg_tags(path: Path) -> Fields:
    from unheard.ingest.decoders import open_container

    with closing(open_container(path)) as container:
        # Ogg has its tags in the stream; other containers have the names of streams there, such as "Stereo".
        streams = [stream.metadata for stream in container.streams.audio[:1] if container.format.name == "ogg"]
        merged = {
            key.lower(): value
            for tags in (*streams, container.metadata)
            for key, value in tags.items()
            if value.strip()
        }
    return _select((key, [_from_latin(value)]) for key, value in merged.items())


def _from_latin(text: str) -> str:
    """Return text whose bytes were not UTF-8, and which PyAV kept as surrogates, as Windows-1252."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return text


# ------------------------------------------------------------------------------------------------------- mutagen


def _fields_of(tags: Any) -> Fields:
    if hasattr(tags, "getall"):  # ID3
        old = tags.version < (2, 4, 0)  # ID3v2.3 has "/" between values
        return _select((key.lower(), _id3_values(key.lower(), frame, old=old)) for key, frame in tags.items())
    return _select((key.lower(), [_text(value) for value in _values(tags[key])]) for key in dict.fromkeys(tags.keys()))


def _select(items: Iterable[tuple[str, list[str]]]) -> Fields:
    """Return the values of each field, those of the best key first; of artists and texts only those of the best key."""
    by_key = {key: [value for value in values if value.strip(" \0")] for key, values in items}
    found: Fields = {}
    for name, keys in KEYS.items():
        lists = [by_key[key] for key in keys if by_key.get(key)]
        found[name] = [value for values in lists for value in values] if name == "release_date" else (lists or [[]])[0]
    return found


def _id3_values(key: str, frame: Any, *, old: bool) -> list[str]:
    if hasattr(frame, "genres"):
        values = [str(value) for value in frame.genres]
    elif hasattr(frame, "text"):
        values = [str(value) for value in frame.text]
    else:
        values = [_text(getattr(frame, "data", b""))]
    if old and key in MULTIPLE_IN_ID3V23:
        values = [part for value in values for part in _slash_separated(value)]
    return values


def _slash_separated(value: str) -> Iterator[str]:
    """Yield the values of an ID3v2.3 text: parts between slashes, unless one is so short that it belongs to a name."""
    parts = [part.strip() for part in value.split("/")]
    is_name = any(len(part) <= SHORT_NAME for part in parts) or value.strip().lower() in GENRES_WITH_SLASH
    yield from [value] if is_name else parts


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    value = getattr(value, "value", value)  # ASF and APEv2 wrap each value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
