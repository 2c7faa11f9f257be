"""Invent names of bands, tracks and albums from lists of syllables and words."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

STARTS = (
    "Vel",
    "Ond",
    "Tess",
    "Mar",
    "Quil",
    "Bra",
    "Isk",
    "Lor",
    "Nym",
    "Håv",
    "Pel",
    "Zar",
    "Cael",
    "Drö",
    "Fen",
    "Gul",
    "Ard",
    "Wex",
    "Sol",
    "Thal",
    "Ruk",
    "Jas",
    "Bel",
    "Oph",
)
MIDDLES = ("a", "e", "i", "o", "u", "em", "ir", "ol", "an", "é")
ENDS = ("mora", "vik", "dell", "shaw", "rune", "tide", "lind", "wick", "zano", "bray", "quist", "thorn", "nell", "vaar")
THINGS = (
    "Lanterns", "Orchard", "Ferries", "Teacups", "Meridian", "Compass", "Foxgloves", "Weathervane", "Attic", "Looms",
    "Signal Box", "Paperboats", "Almanac", "Greenhouse", "Tramlines", "Inkwells", "Telegraph", "Marbles", "Quarry",
    "Moths",
)  # fmt: skip
ADJECTIVES = (
    "Slow", "Amber", "Hollow", "Borrowed", "Northern", "Quiet", "Glass", "Second", "Paper", "Late", "Salt", "Distant",
    "Velvet", "Copper", "Thin", "Early", "Folded", "Silver", "Crooked", "Warm",
)  # fmt: skip
NOUNS = (
    "Harbour", "Letters", "Engine", "Winter", "Staircase", "Garden", "Signal", "Mile", "Window", "Thunder", "Bicycle",
    "Ceiling", "Morning", "Machine", "River", "Matches", "Island", "Orbit", "Kitchen", "Feathers", "Radio",
    "Lighthouse",
)  # fmt: skip
PLACES = ("Ostra", "Linnow", "Cape Verrin", "the Old Mill", "Sundermere", "Platform Nine", "Kellowby", "Varda Bay")


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]


def band_name(rng: np.random.Generator) -> str:
    word = _pick(STARTS, rng) + _pick(MIDDLES, rng) + _pick(ENDS, rng)
    form = int(rng.integers(4))
    if form == 0:
        return word
    if form == 1:
        return f"The {word} {_pick(THINGS, rng)}"
    if form == 2:
        return f"{_pick(STARTS, rng)}{_pick(MIDDLES, rng)} {word}"
    return f"{word} {_pick(THINGS, rng)}"


def title(rng: np.random.Generator) -> str:
    form = int(rng.integers(4))
    if form == 0:
        return f"{_pick(ADJECTIVES, rng)} {_pick(NOUNS, rng)}"
    if form == 1:
        return f"{_pick(NOUNS, rng)} for {_pick(PLACES, rng)}"
    if form == 2:
        return f"{_pick(ADJECTIVES, rng)} {_pick(NOUNS, rng)} at {_pick(PLACES, rng)}"
    first, second = rng.choice(len(NOUNS), 2, replace=False)
    return f"{NOUNS[first]} and {NOUNS[second]}"


def slug(text: str) -> str:
    """Return `text` as lower-case ASCII letters, digits and single hyphens, for ids."""
    plain = unicodedata.normalize("NFKD", text.replace("ø", "o")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
