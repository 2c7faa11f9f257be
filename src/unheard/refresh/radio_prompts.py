"""Read radio prompts, the syntax of ListenBrainz Radio, and answer them from the library alone.

Source: "LB Radio Prompt Reference" of Troi, ListenBrainz's playlist toolkit. A prompt has terms
`entity:values:weight:options`, separated by spaces. Each term gives a stream of tracks, and the streams are
interleaved: one of weight 3 contributes three tracks for every one of weight 1.

    artist:(rick astley)       tracks like those of the artist; with option nosim, the artist's own
    tag:(trip hop)  #punk      tracks of the genre, those like the library's other tracks of it first
    tag:(rock,pop)             tracks with both genres; with option or, `tag:(rock,pop):1:or`, with either

Artists and genres are those of the library's tags, compared without case, accents and punctuation. Entities that need
the data of ListenBrainz (stats, recs, playlist, collection), MBIDs and the modes medium and hard are refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from unheard.artist_names import loose
from unheard.errors import UserError
from unheard.library import Tracks
from unheard.plays.names import normalise
from unheard.recommend.filters import genres_of

SYNTAX = "expected terms such as artist:(rick astley):2 tag:(trip hop) #punk"
TERM = re.compile(
    r"(?:((?a:artist|tag)):|(#))(?:\(([^()]+)\)|([^\s:()]+))(?::(\d{0,9}))?(?::([a-z,]+))?(?=\s|$)", re.IGNORECASE
)
OPTIONS = {"artist": ("nosim", "easy"), "tag": ("and", "or", "easy")}
MAX_SEEDS = 20  # of one term
MAX_WEIGHT = 100


@dataclass(frozen=True)
class Term:
    """One term of a prompt."""

    entity: Literal["artist", "tag"]
    values: tuple[str, ...]
    weight: int = 1
    options: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Stream:
    """What a term asks of the library: tracks like the seeds, without those excluded (ids)."""

    seeds: tuple[str, ...]
    exclude: frozenset[str]
    weight: int


def read_prompt(prompt: str) -> list[Term]:
    """Return the terms of a prompt; UserError for another syntax."""
    terms, at = [], 0
    text = prompt.strip()
    while at < len(text):
        match = TERM.match(text, at)
        if match is None:
            raise UserError(f"prompt {prompt!r}: {text[at : at + 40]!r} cannot be read; {SYNTAX}")
        terms.append(_term(prompt, match))
        at = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    if not terms:
        raise UserError(f"prompt {prompt!r}: has no terms; {SYNTAX}")
    return terms


def stream_of(term: Term, tracks: Tracks, played: Collection[str]) -> Stream:
    """Return the seeds of a term: at most half of the tracks that match it, so that the others can be listed.

    played  ids of tracks with plays; they are the seeds if any of them matches

    UserError if no track matches.
    """
    matching = np.array([_matches(term, track.artists, genres_of(track)) for track in tracks.items], np.bool_)
    ids = [tracks.ids[int(row)] for row in np.flatnonzero(matching)]
    if not ids:
        raise UserError(f"{term.entity}:({','.join(term.values)}): no track of the library has it; correct the prompt")
    pool = [name for name in ids if name in played] or ids
    n_seeds = min(MAX_SEEDS, (len(ids) + 1) // 2, len(pool))
    spread = np.linspace(0, len(pool) - 1, n_seeds).round().astype(int)
    only_matching = term.entity == "tag" or "nosim" in term.options
    excluded = [tracks.ids[int(row)] for row in np.flatnonzero(~matching)] if only_matching else []
    return Stream(tuple(pool[at] for at in spread), frozenset(excluded), term.weight)


def interleaved(streams: Sequence[Sequence[str]], weights: Sequence[int], n: int) -> list[str]:
    """Return n ids of the streams without repeats; each next one is of the stream that is furthest behind its share."""
    left = [list(dict.fromkeys(stream)) for stream in streams]
    given, found = [0] * len(left), dict[str, None]()
    while len(found) < n and any(left):
        stream = min((i for i, some in enumerate(left) if some), key=lambda i: (given[i] + 1) / weights[i])
        track = left[stream].pop(0)
        if track not in found:
            found[track] = None
            given[stream] += 1
    return list(found)


def _term(prompt: str, match: re.Match[str]) -> Term:
    entity: Literal["artist", "tag"] = "artist" if (match[1] or "").lower() == "artist" else "tag"
    text = match[3] or match[4]
    values = tuple(part.strip() for part in (text.split(",") if entity == "tag" else [text]) if part.strip())
    options = frozenset(part for part in (match[6] or "").lower().split(",") if part)
    weight = int(match[5] or 1)
    if not values or not all(loose(value) for value in values):
        raise UserError(f"prompt {prompt!r}: a term without a name; {SYNTAX}")
    if not 1 <= weight <= MAX_WEIGHT:
        raise UserError(f"prompt {prompt!r}: weight {weight}: expected 1 to {MAX_WEIGHT}")
    if wrong := sorted(options - set(OPTIONS[entity])):
        raise UserError(f"prompt {prompt!r}: option {wrong[0]!r} of {entity}: expected {', '.join(OPTIONS[entity])}")
    return Term(entity, values, weight, options)


def _matches(term: Term, artists: Sequence[str], genres: frozenset[str]) -> bool:
    if term.entity == "artist":
        return normalise(term.values[0]) in map(normalise, artists)
    wanted = {loose(value) for value in term.values}
    return bool(wanted & genres) if "or" in term.options else wanted <= genres
