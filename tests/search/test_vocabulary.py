"""The lookups of a vocabulary agree with a comparison with every string, by the textbook distance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unheard.search.vocabulary import Vocabulary, errors_allowed

texts = st.text(st.sampled_from("abcé東"), min_size=1, max_size=8)


def distance(a: str, b: str) -> int:
    """Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, by its recurrence."""
    d = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return d[len(a), len(b)]


@given(st.sets(texts, max_size=30), texts, st.integers(0, 2))
def test_lookups_agree_with_a_scan(strings: set[str], wanted: str, errors: int) -> None:
    vocabulary = Vocabulary(strings)

    def found(numbers: object) -> list[str]:
        return [vocabulary.strings[number] for number in numbers]  # type: ignore[attr-defined]

    def near(other: str) -> bool:
        return distance(wanted, other) <= errors > 0 and (len(wanted) > 4 or other[:1] == wanted[:1])

    ordered = sorted(strings)
    assert found(vocabulary.equal(wanted)) == [one for one in ordered if one == wanted]
    assert found(vocabulary.starting(wanted)) == [one for one in ordered if one.startswith(wanted)]
    assert found(vocabulary.containing(wanted)) == [one for one in ordered if wanted in one]
    assert found(vocabulary.near(wanted, errors=errors)) == [one for one in ordered if near(one)]
    longer = [one for one in ordered if len(one) > len(wanted)]
    expected = [one for one in longer if near(one[: len(wanted)])]
    assert found(vocabulary.starting_near(wanted, errors=errors)) == expected


def test_short_words_have_no_typing_errors() -> None:
    assert [errors_allowed("x" * n) for n in (2, 3, 7, 8)] == [0, 1, 1, 2]
