"""Verbs that rank: similar, recommend, embed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError

if TYPE_CHECKING:
    from unheard.recommend.recommend import Recommendation
    from unheard.session import Session

Candidates = Annotated[
    Literal["cold", "warm", "all"],
    typer.Option(help="cold: tracks nobody has played; warm: tracks with plays; all: both."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", help="A trained model, a baseline or oracle. Default: what was trained.", show_default=False
    ),
]
Count = Annotated[int, typer.Option("-n", min=1, help="How many.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write .m3u8, .jspf, .csv or .json.", show_default=False)
]
ArtistCap = Annotated[
    int | None,
    typer.Option(min=1, help="At most this many tracks of one artist. Default: 2.", show_default=False),
]


def similar(
    workspace: WorkspaceOption,
    track: Annotated[
        str | None, typer.Argument(metavar="TRACK_ID|FILE", help="What to find neighbours of.", show_default=False)
    ] = None,
    candidates: Candidates = "all",
    n: Count = 10,
    output: Output = None,
    split: SplitOption = None,
    model: ModelOption = None,
    max_per_artist: ArtistCap = None,
    test_tracks: Annotated[
        bool, typer.Option("--test-tracks", help="For every test track, as CSV (track_id, rank, neighbour_id, score).")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Neighbours of a track or of an audio file that nobody has heard yet; the score is a centred cosine, -1 to 1."""
    session = _session(workspace, split, model, seed)
    if test_tracks:
        _require(track is None, "--test-tracks takes no track; leave it out")
        _require(candidates != "all", "--test-tracks compares with cold or warm tracks; add --candidates cold")
        with console.progress_bars() as progress:
            rows = session.write_similar_lists(_list_path(output), candidates=candidates, n=n, progress=progress)
        console.say(f"{output}: {rows} rows")
        return
    if track is None:
        raise UserError("name a TRACK_ID or a FILE, or --test-tracks -o sim.csv")
    found = session.neighbours(track, candidates=candidates, n=n, max_per_artist=max_per_artist or 2)
    _show(session, found, output, json=json, title=f"Like {session.label(track)} ({session.model}, {candidates})")


def recommend(
    workspace: WorkspaceOption,
    playlist: Annotated[str | None, typer.Option("--playlist", help="A playlist's id.", show_default=False)] = None,
    like: Annotated[
        list[str] | None,
        typer.Option("--like", metavar="TRACK_ID|FILE", help="A seed (repeatable).", show_default=False),
    ] = None,
    candidates: Candidates = "cold",
    n: Count = 10,
    output: Output = None,
    split: SplitOption = None,
    model: ModelOption = None,
    max_per_artist: ArtistCap = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="TRACK_ID", help="Never this track (repeatable).")
    ] = None,
    all_playlists: Annotated[
        bool, typer.Option("--all-playlists", help="For every playlist, as CSV (playlist_id, rank, track_id, score).")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Tracks for a playlist (score: dot product of factors) or for seeds (score: how well the seeds agree)."""
    _require(
        (playlist is not None) + bool(like) + all_playlists == 1,
        "say for whom: one of --playlist ID, --like TRACK_ID|FILE, or --all-playlists -o recs.csv",
    )
    session = _session(workspace, split, model, seed)
    if all_playlists:
        with console.progress_bars() as progress:
            rows = session.write_recommendation_lists(_list_path(output), candidates=candidates, n=n, progress=progress)
        console.say(f"{output}: {rows} rows")
        return
    found = session.recommendations(
        playlist=playlist,
        like=like or [],
        candidates=candidates,
        n=n,
        max_per_artist=max_per_artist or 2,
        exclude=exclude or [],
    )
    whom = f"playlist {playlist}" if playlist is not None else ", ".join(session.label(seed) for seed in like or [])
    _show(session, found, output, json=json, title=f"For {whom} ({session.model}, {candidates})")


def embed(
    workspace: WorkspaceOption,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Audio files. None: every track of the library.", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="A .parquet file (track_id, path, vector).")] = Path(
        "vectors.parquet"
    ),
    split: SplitOption = None,
    model: ModelOption = None,
) -> None:
    """Predicted latent factors of audio files, in the space of the factors that the model was trained on."""
    session = _session(workspace, split, model, 0)
    with console.progress_bars() as progress:
        report = session.write_vectors(files or [], output, progress=progress)
    console.say(f"{output}: {report.written} vectors of {report.dim} factors ({session.model})")
    for problem in report.problems:
        console.say(f"  skipped {problem}")
    if report.problems and not report.written:
        raise UserError("none of the files could be embedded; the lines above say why")


def _session(workspace: Path, split: str | None, model: str | None, seed: int) -> Session:
    from unheard.session import Session

    return Session(workspace, split=split, model=model, seed=seed)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _list_path(output: Path | None) -> Path:
    if output is None or output.suffix != ".csv":
        raise UserError(f"lists are written as CSV, got -o {output}; say -o lists.csv")
    return output


def _show(session: Session, found: list[Recommendation], output: Path | None, *, json: bool, title: str) -> None:
    if output is not None:
        session.export(found, output, title=title)
        console.say(f"{output}: {len(found)} tracks")
    if json:
        console.print_json(session.as_json(found))
    elif output is None:
        rows = [[item.rank, item.label, f"{item.score:.3f}", item.first_reason] for item in found]
        columns = ["", "track", "score", "because it is near"]
        console.out.print(console.table(title, columns, rows, right=frozenset({0, 2})))
        if not found:
            console.say("no candidates are left: the seeds, the artist cap and the split leave none")
