"""Fold text for search: spellings that people type for the same name get the same words.

    fold       case, width, accents of every alphabet, Latin letters such as ø, ł, ß and æ, katakana as hiragana
    words_of   the words of a field, with the forms in which they are typed: AC/DC is ac, dc and acdc, don't is dont
    sound_of   one form for the usual transcriptions of a word: Tchaikovsky and Chaikovskii, Ärzte and Aerzte

Other alphabets stay as they are and are indexed a second time in Latin letters (anyascii), so "кино" finds Kino, and
"kino" finds Кино.
"""

from __future__ import annotations

import re
import unicodedata

from anyascii import anyascii

from unheard.bounded_text import cached_short

# Latin letters with a stroke, ligatures and the like, which no Unicode normalisation takes apart.
LATIN = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff]")
KATAKANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}  # to hiragana
# Combining classes of marks that are part of a letter (voiced kana, viramas, vowels) and not accents.
LETTER_MARKS = frozenset({0, 7, 8, 9, 103, 118, 129, 130, 132})

APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´′\"“”")
AND = re.compile(r"&|(?<=\w)['’‘`]n['’‘`](?=\w)")
LETTER_SIGNS = str.maketrans({"!": "i", "$": "s", "@": "a", "€": "e"})  # P!nk, Ke$ha
OPTIONAL_WORDS = frozenset({"the", "and", "n", "feat", "ft", "featuring"})

# Spellings of one sound in transcriptions of other alphabets and of umlauts, applied in this order.
SOUNDS = (
    ("tch", "ch"), ("kh", "h"), ("ph", "f"), ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ou", "u"), ("w", "v"),
    ("y", "i"), ("j", "i"), ("ck", "k"), ("cz", "ch"),
)  # fmt: skip
DOUBLED = re.compile(r"([^\d])\1+")

CACHED_TOKENS = 65_536  # words repeat within a library


def fold(text: str) -> str:
    """Return text in lower case, in half width, without accents, and with Latin letters in ASCII."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(c for c in parts if unicodedata.combining(c) in LETTER_MARKS)
    return LATIN.sub(lambda letter: anyascii(letter[0]).lower(), unicodedata.normalize("NFC", bare).translate(KATAKANA))


def words_of(text: str) -> list[str]:
    """Return every word under which a field is found, with repetitions; signs only if the field has no letters."""
    found = [word for token in text.split() for word in _indexed(token)]
    return found or _tokens(text)  # a band may be called "!!!"


def query_forms(text: str) -> list[list[str]]:
    """Return the readings of a query, each a list of words; the first one is what was typed."""
    tokens = _tokens(text)
    plain = [word for token in text.split() for word in _typed(token)] or tokens
    joined = [word for token in tokens if (word := "".join(_letters(token)))]
    signed = [part for token in tokens if _letters(token) for part in _with_signs(token)]
    # One syllable in Latin letters, as of a Chinese character, begins too many words.
    latin = [word if word.isascii() else in_latin(word) for word in plain]
    readings = [plain, joined, signed, latin if all(len(word) > 2 for word in latin) else []]
    return [reading for number, reading in enumerate(readings) if reading and reading not in readings[:number]]


def compact(text: str) -> str:
    """Return a name in one word, without a leading article, to compare and sort whole names."""
    words = [word for token in text.split() for word in _typed(token)] or _tokens(text)
    return "".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


def in_latin(word: str) -> str:
    """Return a folded word in Latin letters; empty if it has none there."""
    return "".join(c for c in anyascii(word.replace("ου", "ou")).lower() if c.isalnum())


def sound_of(word: str) -> str:
    """Return the form that the usual transcriptions of a folded word share; numbers stay as they are."""
    for spelling, sound in SOUNDS:
        if spelling in word:
            word = word.replace(spelling, sound)
    return DOUBLED.sub(r"\1", word)


def _tokens(text: str) -> list[str]:
    return AND.sub(" and ", fold(text)).split()


@cached_short(CACHED_TOKENS)
def _typed(token: str) -> tuple[str, ...]:
    """Return the words of a token as they are read in a query."""
    return tuple(part for folded in _tokens(token) for part in _letters(folded.translate(APOSTROPHES)))


@cached_short(CACHED_TOKENS)
def _indexed(token: str) -> tuple[str, ...]:
    """Return the words of a token: its parts, in one word, without apostrophes, signs as letters, in Latin letters."""
    found: list[str] = []
    for folded in _tokens(token):
        parts = _letters(folded)
        forms = [*parts, "".join(parts)]
        if parts and not folded.isalnum():
            forms += _letters(folded.translate(APOSTROPHES)) + _with_signs(folded)
        if not folded.isascii():
            forms += [in_latin(part) for part in parts]
        found += dict.fromkeys(form for form in forms if form)
    return tuple(found)


def _with_signs(token: str) -> list[str]:
    """Return the words of a token whose signs stand for letters."""
    return _letters(token.translate(APOSTROPHES).translate(LETTER_SIGNS))


def _letters(token: str) -> list[str]:
    """Return the runs of letters, digits and vowel signs of a token."""
    if token.isalnum():
        return [token]
    return "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in token).split()
