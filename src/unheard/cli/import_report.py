"""Say what an import read, matched, missed, left out and replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unheard.plays import Source

MAX_LISTED = 10


def report_lines(source: Source) -> Iterator[str]:
    """Yield the lines about one path of an import."""
    yield from (f"left out: {problem}" for problem in source.problems)
    found = source.found
    entries = found.matched + found.missed
    if entries or not source.problems:
        rate = f"{found.match_rate:.1%}"
        yield f"{source.path}: {found.n_playlists} playlists, {found.matched} of {entries} entries matched ({rate})"
    yield from _listed("no match: ", found.misses, len(found.misses))
    if found.invalid:
        yield f"  {found.invalid} {'rows or lists' if found.invalid > 1 else 'row or list'} could not be read:"
        yield from _listed("", [str(reason) for reason in found.reasons], found.invalid)
    yield from (f"  left out: {n} {what}" for what, n in found.left_out.items())
    yield from (f"  note: {note}" for note in found.notes)
    replaced = [f"{name} ({n} plays)" for name, n in source.replaced.items()]
    yield from _listed("replaced: ", replaced, len(replaced))
    others = [str(path) for path in source.passed_over]
    yield from _listed("passed over, no playlist: ", others, len(others))


def _listed(what: str, items: Sequence[str], n: int) -> Iterator[str]:
    """Yield a line for each of the first items, and one for the rest of all `n`."""
    shown = items[:MAX_LISTED]
    yield from (f"  {what}{item}" for item in shown)
    if n > len(shown):
        yield f"  ... and {n - len(shown)} more"
