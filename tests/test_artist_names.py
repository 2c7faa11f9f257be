"""Tests of the comparison of artists' names."""

from __future__ import annotations

from unheard.artist_names import ASCII_WORDS, _folded, is_various, loose


def test_case_accents_punctuation_and_article_do_not_matter() -> None:
    assert {loose(name) for name in ("The Bärs!", "bars", " BÄRS ")} == {"bars"}
    assert loose("The The") == "the"
    assert loose("The") == "the"
    assert loose("が") == "が"  # its voicing mark is no accent


def test_names_without_letters_stay_distinct() -> None:
    assert loose("!!!") == "!!!"
    assert loose("???") == "???"


def test_names_in_ascii_are_folded_as_all_others_are() -> None:
    every = "".join(map(chr, range(128)))
    assert every.translate(ASCII_WORDS) == _folded(every)


def test_various_artists() -> None:
    several = (
        "Various Artists",
        "VARIOUS",
        "V.A.",
        "V/A",
        "AA. VV.",
        "Artistes Divers",
        "Verschiedene Interpreten",
        "群星",
    )
    assert all(map(is_various, several))
    assert not any(map(is_various, ("Various Cruelties", "Vari-Speed", "", "Unknown Artist")))
