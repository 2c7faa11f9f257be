"""Write the report of a workspace: one self-contained page, and its figures as files.

out/index.html              the page; contains its figures, style and script
out/figures/*.svg, *.png    the same figures, for slides and papers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from unheard.atomic_files import atomic_path, write_text
from unheard.errors import UserError
from unheard.progress import Progress, silent
from unheard.report.blocks import Section
from unheard.report.figures.canvas import encode
from unheard.report.page import Head, file_name, render, short
from unheard.report.report_data import Listeners, ReportData, load_report_data
from unheard.report.sections.audio import audio
from unheard.report.sections.factors import factors
from unheard.report.sections.library import library
from unheard.report.sections.listening_tests import listening_tests
from unheard.report.sections.networks import networks
from unheard.report.sections.playlists import playlists
from unheard.report.sections.quality import experiments, headline, quality
from unheard.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """Path of the page, and number of figures."""

    page: Path
    n_figures: int


def write_report(
    workspace: Workspace,
    out: Path,
    split: str | None = None,
    *,
    models: Sequence[str] = (),
    seed_tracks: Sequence[str] = (),
    listeners: Listeners | None = None,
    progress: Progress = silent,
) -> Written:
    """Write the report of one split (None: the default one) into the folder `out`, replacing an earlier one.

    Options and errors are those of `load_report_data`. Figures are written first, the page last; each file atomically.
    """
    from unheard import __version__

    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; choose a folder for the report with -o")
    found = load_report_data(
        workspace, split, models=models, seed_tracks=seed_tracks, listeners=listeners, progress=progress
    )
    sections = _sections(found)
    pictures = [picture for section in sections for picture in section.pictures]
    files: dict[str, bytes] = {}
    for picture in pictures:
        files[file_name(picture)] = encode(picture.figure, picture.format)
        progress("drawing", len(files), len(pictures))
    head = Head(
        workspace=short("/".join(workspace.root.resolve().parts[-2:])),
        split=found.catalogue.split.name,
        headline=headline(found),
        simulated=found.simulated,
        day=datetime.now(tz=UTC).date().isoformat(),
        version=__version__,
    )
    page = render(head, sections, files)
    for name, data in files.items():
        with atomic_path(out / "figures" / name) as temporary:
            temporary.write_bytes(data)
    write_text(out / "index.html", page)
    return Written(out / "index.html", len(files))


def _sections(found: ReportData) -> list[Section]:
    chapters = (library, quality, listening_tests, experiments, playlists, audio, factors, networks)
    return [section for chapter in chapters if (section := chapter(found)) is not None]
