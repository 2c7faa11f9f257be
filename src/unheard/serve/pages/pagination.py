"""Pagination of long lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unheard.serve.pages.text import address


@dataclass(frozen=True)
class Pagination:
    """Page `number` (from 1) of a list of `total` items with `size` items on a page."""

    number: int
    size: int
    total: int
    path: str
    query: Mapping[str, object]

    @property
    def n_pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def is_past_the_end(self) -> bool:
        """Whether the list ends before this page."""
        return self.number > self.n_pages

    def link(self, number: int) -> str:
        return address(self.path, self.query, page=number if number > 1 else None)
