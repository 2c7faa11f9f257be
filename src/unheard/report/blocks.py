"""Define the blocks of a page. Text is plain: it is escaped when the page is rendered, and `backticks` become code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from unheard.evaluate.result_tables import Table
from unheard.report.figures.canvas import Format
from unheard.report.model_lists import SideBySide

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure; `name` is that of its file, `alt` describes the drawing, `caption` explains it."""

    kind: ClassVar[str] = "picture"
    name: str
    figure: Figure
    format: Format
    alt: str
    caption: str
    title: str = ""


@dataclass(frozen=True)
class Pictures:
    """Figures that belong together, side by side on wide screens."""

    kind: ClassVar[str] = "pictures"
    pictures: tuple[Picture, ...]
    caption: str


@dataclass(frozen=True)
class Missing:
    """A notice that something is missing, and how to get it."""

    kind: ClassVar[str] = "missing"
    text: str


@dataclass(frozen=True)
class Tiles:
    """Large numbers with their names."""

    kind: ClassVar[str] = "tiles"
    tiles: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tabled:
    """A table with a note below; `words` is the number of leading columns that contain text and not numbers."""

    kind: ClassVar[str] = "table"
    table: Table
    note: str = ""
    words: int = 1


@dataclass(frozen=True)
class Folded:
    """Tables that are folded until they are opened."""

    kind: ClassVar[str] = "folded"
    summary: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Lists:
    """One seed track and the list of every model."""

    kind: ClassVar[str] = "lists"
    side_by_side: SideBySide


Block = Text | Picture | Pictures | Missing | Tiles | Tabled | Folded | Lists


@dataclass(frozen=True)
class Section:
    """A section of the page; `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]

    @property
    def pictures(self) -> list[Picture]:
        """Every figure, in order."""
        found: list[Picture] = []
        for block in self.blocks:
            found += [block] if isinstance(block, Picture) else block.pictures if isinstance(block, Pictures) else []
        return found
