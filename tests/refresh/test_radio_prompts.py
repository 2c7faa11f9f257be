"""Radio prompts: the examples of the published reference, what is refused, seeds from a library, interleaving."""

from __future__ import annotations

import pytest

from unheard.errors import UserError
from unheard.library import Track, Tracks
from unheard.refresh.radio_prompts import Stream, Term, interleaved, read_prompt, stream_of

EXAMPLES = {  # of "LB Radio Prompt Reference"
    "artist:(Rick Astley)": [Term("artist", ("Rick Astley",))],
    "tag:rock:3 tag:pop:2": [Term("tag", ("rock",), 3), Term("tag", ("pop",), 2)],
    "#rock #pop": [Term("tag", ("rock",)), Term("tag", ("pop",))],
    "#(rock,pop)": [Term("tag", ("rock", "pop"))],
    "tag:(rock,pop):1:or": [Term("tag", ("rock", "pop"), 1, frozenset({"or"}))],
    "tag:(trip hop)": [Term("tag", ("trip hop",))],
    "artist:(pretty lights):3:easy tag:(trip hop):2 artist:morcheeba:1:nosim": [
        Term("artist", ("pretty lights",), 3, frozenset({"easy"})),
        Term("tag", ("trip hop",), 2),
        Term("artist", ("morcheeba",), 1, frozenset({"nosim"})),
    ],
}


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_examples_of_the_reference(prompt: str) -> None:
    assert read_prompt(prompt) == EXAMPLES[prompt]


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "has no terms"),
        ("rick astley", "'rick astley' cannot be read; expected terms such as"),
        ("stats:somebody", "'stats:somebody' cannot be read"),
        ("artist:(a) tag:", "'tag:' cannot be read"),
        ("artist:(a", "cannot be read"),
        ("artİst:a", "cannot be read"),
        ("#a:" + "9" * 5_000, "cannot be read"),
        ("tag:(deep house):2:medium", "option 'medium' of tag: expected and, or, easy"),
        ("artist:a:1:or", "option 'or' of artist: expected nosim, easy"),
        ("#a:0", "weight 0: expected 1 to 100"),
        ("tag:(,)", "a term without a name"),
    ],
)
def test_other_prompts_are_refused(prompt: str, says: str) -> None:
    with pytest.raises(UserError, match="prompt") as error:
        read_prompt(prompt)
    assert says in str(error.value)


LIBRARY = Tracks(
    (
        Track("a1", artists=("Björk",), genre="Electronic; Pop"),
        Track("a2", artists=("Bjork", "Other"), genre="Pop"),
        Track("a3", artists=("Björk",), genre="Trip-Hop"),
        Track("b1", artists=("Portishead",), genre="trip hop"),
        Track("b2", artists=("Portishead",), genre="Trip Hop / Electronic"),
    )
)


def stream(prompt: str, *played: str) -> Stream:
    (term,) = read_prompt(prompt)
    return stream_of(term, LIBRARY, played)


def test_an_artist_gives_seeds_and_excludes_nothing() -> None:
    assert stream("artist:(BJÖRK):2") == Stream(("a1", "a3"), frozenset(), 2)
    assert stream("artist:bjork", "a2", "b1") == Stream(("a2",), frozenset(), 1)  # seeds are played tracks
    assert stream("artist:bjork:1:nosim").exclude == {"b1", "b2"}


def test_tags_and_or() -> None:
    assert stream("#(trip hop)").exclude == {"a1", "a2"}
    assert stream("tag:(electronic,pop)") == Stream(("a1",), frozenset({"a2", "a3", "b1", "b2"}), 1)
    assert stream("tag:(electronic,pop):1:or").exclude == {"a3", "b1"}


def test_a_name_that_no_track_has() -> None:
    with pytest.raises(UserError, match=r"artist:\(nobody\): no track of the library has it"):
        stream("artist:nobody")


def test_streams_are_interleaved_by_weight() -> None:
    assert interleaved([list("abcdef"), list("uvw")], [2, 1], 6) == ["a", "b", "u", "c", "d", "v"]
    assert interleaved([list("ab"), list("uvw")], [1, 1], 9) == ["a", "u", "b", "v", "w"]
    assert interleaved([list("abc"), list("acx")], [1, 1], 3) == ["a", "c", "b"]  # a and c count once
    assert interleaved([[], []], [1, 1], 3) == []
