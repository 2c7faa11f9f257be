"""Verbs that rank: similar, recommend, embed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError

if TYPE_CHECKING:
    from unheard.recommend.filters import Filters
    from unheard.recommend.options import ListOptions
    from unheard.recommend.recommend import NewTrack, Recommendation
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
ArtistCap = Annotated[int, typer.Option(min=0, help="At most this many tracks of one artist; 0: no cap.")]
Diversity = Annotated[
    float, typer.Option(min=0, max=1, help="0: by score alone; 1: each as unlike those before it as possible.")
]
Genres = Annotated[
    list[str] | None, typer.Option("--genre", help="Only tracks of this genre (repeatable: any of them).")
]
Years = Annotated[
    str | None,
    typer.Option("--year", metavar="YEAR|FROM-TO", help="Only releases of 1999, 1990-1999, 1990- or -1999."),
]
Shortest = Annotated[
    float | None, typer.Option("--min-duration", metavar="SECONDS", min=0, help="Only tracks at least this long.")
]
Longest = Annotated[
    float | None, typer.Option("--max-duration", metavar="SECONDS", min=0, help="Only tracks at most this long.")
]

MARK = "?"
NOT_ENOUGH = "not enough like anything known"
UNFILTERED = "{}: lists are written as they are measured; leave out --diversity, --genre, --year and --min/max-duration"


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
    max_per_artist: ArtistCap = 2,
    diversity: Diversity = 0.0,
    genre: Genres = None,
    year: Years = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
    test_tracks: Annotated[
        bool, typer.Option("--test-tracks", help="For every test track, as CSV (track_id, rank, neighbour_id, score).")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Neighbours of a track or of an audio file that nobody has heard yet; the score is a centred cosine, -1 to 1."""
    from unheard.recommend.options import ListOptions, artist_cap

    options = ListOptions(
        n=n,
        candidates=candidates,
        max_per_artist=artist_cap(max_per_artist),
        diversity=diversity,
        filters=_filters(genre, year, min_duration, max_duration),
    )
    _require(not test_tracks or _as_measured(options), UNFILTERED.format("--test-tracks"))
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
    query = session.resolve_seed(track)
    found = session.neighbours(query, options=options)
    _warn_of_strangers(session, [query])
    _show(
        session, found, output, json=json, title=f"Like {session.label(track)} ({_seen_through(session, candidates)})"
    )


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
    max_per_artist: ArtistCap = 2,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="TRACK_ID", help="Never this track (repeatable).")
    ] = None,
    diversity: Diversity = 0.0,
    genre: Genres = None,
    year: Years = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
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
    from unheard.recommend.options import ListOptions, artist_cap

    options = ListOptions(
        n=n,
        candidates=candidates,
        max_per_artist=artist_cap(max_per_artist),
        exclude=exclude or (),
        diversity=diversity,
        filters=_filters(genre, year, min_duration, max_duration),
    )
    _require(not all_playlists or _as_measured(options), UNFILTERED.format("--all-playlists"))
    session = _session(workspace, split, model, seed)
    if all_playlists:
        with console.progress_bars() as progress:
            rows = session.write_recommendation_lists(_list_path(output), candidates=candidates, n=n, progress=progress)
        console.say(f"{output}: {rows} rows")
        return
    seeds = [session.resolve_seed(name) for name in dict.fromkeys(like or [])]
    found = session.recommendations(playlist=playlist, like=seeds, options=options)
    _warn_of_strangers(session, seeds)
    whom = f"playlist {playlist}" if playlist is not None else ", ".join(session.label(seed) for seed in like or [])
    _show(session, found, output, json=json, title=f"For {whom} ({_seen_through(session, candidates)})")


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
    session = _session(workspace, split, model, 0, warm=not files)
    with console.progress_bars() as progress:
        report = session.write_vectors(files or [], output, progress=progress)
    console.say(f"{output}: {report.written} vectors of {report.dim} factors ({session.model})")
    for problem in report.problems:
        console.say(f"  skipped {problem}")
    if report.problems and not report.written:
        raise UserError("none of the files could be embedded; the lines above say why")


def _session(workspace: Path, split: str | None, model: str | None, seed: int, *, warm: bool = False) -> Session:
    """A session whose predictions are up to date; `warm`: also those of tracks that rankings take from plays."""
    from unheard.session import Session

    session = Session(workspace, split=split, model=model, seed=seed)
    session.update_predictions(warm=warm)
    return session


def _seen_through(session: Session, candidates: str) -> str:
    """Model, split and candidates, for a title: the split may be one that nobody named."""
    return f"{session.model}, split {session.catalogue.split.name}, {candidates}"


def _filters(
    genres: list[str] | None, years: str | None, min_duration_s: float | None, max_duration_s: float | None
) -> Filters:
    from unheard.recommend.filters import Filters

    year_from, year_to = _years(years)
    return Filters(genres or (), year_from, year_to, min_duration_s, max_duration_s)


def _as_measured(options: ListOptions) -> bool:
    """Whether nothing is asked for that lists for measuring cannot have."""
    from unheard.recommend.filters import NO_FILTERS

    return options.filters == NO_FILTERS and not options.diversity


def _years(text: str | None) -> tuple[int | None, int | None]:
    """First and last year of 1999, 1990-1999, 1990- or -1999."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d{4})|(\d{4})?-(\d{4})?", text.strip())
    if match is None or match[0] == "-":
        raise UserError(f"--year {text!r}: expected 1999, 1990-1999, 1990- or -1999")
    first, last = (match[1], match[1]) if match[1] else (match[2], match[3])
    return int(first) if first else None, int(last) if last else None


def _warn_of_strangers(session: Session, seeds: Sequence[str | NewTrack]) -> None:
    """Say which seeds the model cannot judge."""
    from unheard.recommend.confidence import LOW_CONFIDENCE

    for seed in seeds:
        confidence = session.confidence(seed)
        if confidence is not None and confidence < LOW_CONFIDENCE:
            console.say(f"{session.label(seed)} is {NOT_ENOUGH}; what is near it is a guess")


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
        from unheard.recommend.confidence import LOW_CONFIDENCE

        strange = [item.confidence is not None and item.confidence < LOW_CONFIDENCE for item in found]
        rows = [
            [item.rank, item.label, f"{item.score:.3f}", MARK if odd else "", item.first_reason]
            for item, odd in zip(found, strange, strict=True)
        ]
        columns = ["", "track", "score", "", "because it is near"]
        console.out.print(console.table(title, columns, rows, right=frozenset({0, 2})))
        if any(strange):
            console.say(f"{MARK} {NOT_ENOUGH}: the model can say little about it")
        if not found:
            console.say("no candidates are left: the seeds, the artist cap, the filters and the split leave none")
