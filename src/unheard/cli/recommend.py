"""The commands that use a model: similar, recommend, embed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from unheard.cli import console
from unheard.cli.completion import playlist_ids, track_ids
from unheard.cli.console import JsonFlag, SplitOption, WorkspaceOption
from unheard.errors import UserError

if TYPE_CHECKING:
    from unheard.recommend.filters import Filters
    from unheard.recommend.options import ListOptions
    from unheard.recommend.recommend import Recommendation
    from unheard.recommend.seeds import NewTrack
    from unheard.session import Session

Candidates = Annotated[
    Literal["cold", "warm", "all"],
    typer.Option(help="cold: test tracks and tracks added later; warm: train tracks with plays; all: every track."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A trained model, a baseline or oracle. Default: blend if trained, else another trained model.",
        show_default=False,
    ),
]
Count = Annotated[int, typer.Option("-n", min=1, help="Number of tracks.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write .m3u8, .jspf, .csv or .json.", show_default=False)
]
ArtistCap = Annotated[int, typer.Option(min=0, help="Maximum number of tracks of one artist; 0: no cap.")]
UsualCap = Annotated[
    int | None,
    typer.Option(
        "--max-per-artist",
        min=0,
        help="Maximum number of tracks of one artist; 0: no cap. Default: 2, and no cap for lists that are measured.",
        show_default=False,
    ),
]
PerAlbum = Annotated[
    int | None,
    typer.Option(
        "--max-per-album",
        min=0,
        help="Maximum number of tracks of one album; 0: no cap. Default: as --max-per-artist.",
        show_default=False,
    ),
]
Diversity = Annotated[
    float,
    typer.Option(min=0, max=1, help="0: rank by score; 1: choose tracks as different from each other as possible."),
]
Genres = Annotated[
    list[str] | None, typer.Option("--genre", help="Only tracks of this genre (repeatable: any of them).")
]
Years = Annotated[
    str | None,
    typer.Option("--year", metavar="YEAR|FROM-TO", help="Only releases of these years: 1999, 1990-1999, 1990-, -1999."),
]
Shortest = Annotated[
    float | None, typer.Option("--min-duration", metavar="SECONDS", min=0, help="Only tracks at least this long.")
]
Longest = Annotated[
    float | None, typer.Option("--max-duration", metavar="SECONDS", min=0, help="Only tracks at most this long.")
]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="TRACK_ID", help="Leave this track out (repeatable).", autocompletion=track_ids),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Of audio files read excerpts only: faster, nearly the same result.")
]

USUAL_CAP = 2  # tracks of one artist
LOW_CONFIDENCE_MARK = "?"
ONLY_MEASURED = (
    "{}: writes the lists that `evaluate` measures; leave out --diversity, --exclude, --max-per-artist, "
    "--max-per-album, --genre, --year and --min/max-duration"
)


def similar(
    workspace: WorkspaceOption,
    track: Annotated[
        str | None,
        typer.Argument(
            metavar="TRACK_ID|FILE",
            help="A track of the library, or an audio file.",
            show_default=False,
            autocompletion=track_ids,
        ),
    ] = None,
    candidates: Candidates = "all",
    n: Count = 10,
    output: Output = None,
    split: SplitOption = None,
    model: ModelOption = None,
    max_per_artist: UsualCap = None,
    max_per_album: PerAlbum = None,
    diversity: Diversity = 0.0,
    genre: Genres = None,
    year: Years = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
    test_tracks: Annotated[
        bool,
        typer.Option(
            "--test-tracks",
            help="Write the neighbours of every test track to -o, CSV (track_id, rank, neighbour_id, score).",
        ),
    ] = False,
    quick: Quick = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Find the neighbours of a track or of an audio file.

    The match is the share of the other candidates that a track is nearer than. --json and -o also have the score, a
    centred cosine, -1 to 1.
    """
    from unheard.recommend.options import ListOptions, album_cap, artist_cap

    options = ListOptions(
        n=n,
        candidates=candidates,
        max_per_artist=artist_cap(USUAL_CAP if max_per_artist is None else max_per_artist),
        max_per_album=album_cap(max_per_album),
        diversity=diversity,
        filters=list_filters(genre, year, min_duration, max_duration),
    )
    as_measured = _as_measured(options) and not (max_per_artist or max_per_album)
    _require(not test_tracks or as_measured, ONLY_MEASURED.format("--test-tracks"))
    _require(not (test_tracks and json), "--test-tracks: writes CSV to -o; leave out --json")
    session = _session(workspace, split, model, seed)
    if test_tracks:
        _require(track is None, "--test-tracks: expected no TRACK_ID or FILE; leave it out")
        _require(candidates != "all", "--test-tracks: expected --candidates cold or --candidates warm")
        with console.progress_bars() as progress:
            rows = session.write_similar_lists(_list_path(output), candidates=candidates, n=n, progress=progress)
        console.say(f"{output}: {rows} rows")
        return
    if track is None:
        raise UserError("expected a TRACK_ID or a FILE, or --test-tracks -o sim.csv")
    seed_track = session.resolve_seed(track, quick=quick)
    found = session.neighbours(seed_track, options=options)
    _warn_of_low_confidence(session, [seed_track])
    _show(
        session,
        found,
        output,
        candidates=candidates,
        json=json,
        title=f"Like {session.label(track)} ({_source(session, candidates)})",
    )


def recommend(
    workspace: WorkspaceOption,
    playlist: Annotated[
        str | None,
        typer.Option(
            "--playlist",
            metavar="ID|NAME",
            help="A playlist: its id, or its name if no other has it.",
            show_default=False,
            autocompletion=playlist_ids,
        ),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            "--like",
            metavar="TRACK_ID|FILE",
            help="A liked track, the seed (repeatable).",
            show_default=False,
            autocompletion=track_ids,
        ),
    ] = None,
    candidates: Candidates = "cold",
    n: Count = 10,
    output: Output = None,
    split: SplitOption = None,
    model: ModelOption = None,
    max_per_artist: UsualCap = None,
    max_per_album: PerAlbum = None,
    exclude: Excluded = None,
    diversity: Diversity = 0.0,
    genre: Genres = None,
    year: Years = None,
    min_duration: Shortest = None,
    max_duration: Longest = None,
    all_playlists: Annotated[
        bool,
        typer.Option(
            "--all-playlists",
            help="Write the tracks for every playlist to -o, CSV (playlist_id, rank, track_id, score).",
        ),
    ] = False,
    quick: Quick = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of random ties.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Recommend tracks for a playlist or for liked tracks.

    The match is the share of the other candidates that a track ranks above. --json and -o also have the score: the
    predicted preference of the playlist, or the reciprocal rank fusion of the liked tracks.
    """
    _require(
        (playlist is not None) + bool(like) + all_playlists == 1,
        "expected one of --playlist ID, --like TRACK_ID|FILE, or --all-playlists -o recs.csv",
    )
    from unheard.recommend.options import ListOptions, album_cap, artist_cap
    from unheard.recommend.playlist_names import resolve_playlist

    options = ListOptions(
        n=n,
        candidates=candidates,
        max_per_artist=artist_cap(USUAL_CAP if max_per_artist is None else max_per_artist),
        max_per_album=album_cap(max_per_album),
        exclude=exclude or (),
        diversity=diversity,
        filters=list_filters(genre, year, min_duration, max_duration),
    )
    as_measured = _as_measured(options) and not (max_per_artist or max_per_album)
    _require(not all_playlists or as_measured, ONLY_MEASURED.format("--all-playlists"))
    _require(not (all_playlists and json), "--all-playlists: writes CSV to -o; leave out --json")
    session = _session(workspace, split, model, seed)
    if all_playlists:
        with console.progress_bars() as progress:
            rows = session.write_recommendation_lists(_list_path(output), candidates=candidates, n=n, progress=progress)
        console.say(f"{output}: {rows} rows" + ("" if rows else f"; {_nothing_found(session, candidates)}"))
        return
    seeds = [session.resolve_seed(name, quick=quick) for name in dict.fromkeys(like or [])]
    if playlist is not None:
        playlist = resolve_playlist(session.workspace, session.catalogue, playlist)
    found = session.recommendations(playlist=playlist, like=seeds, options=options)
    _warn_of_low_confidence(session, seeds)
    query = f"playlist {playlist}" if playlist is not None else ", ".join(session.label(seed) for seed in like or [])
    _show(
        session, found, output, candidates=candidates, json=json, title=f"For {query} ({_source(session, candidates)})"
    )


def embed(
    workspace: WorkspaceOption,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Audio files. Default: every track of the library.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Default: vectors, with the suffix of the format.", show_default=False),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["parquet", "pgvector", "qdrant", "opensearch", "faiss"],
        typer.Option(help="What loads the file; Milvus imports parquet."),
    ] = "parquet",
    directions: Annotated[
        bool,
        typer.Option(
            "--directions", help="Write centred unit vectors of the library instead, whose cosines are similarities."
        ),
    ] = False,
    split: SplitOption = None,
    model: ModelOption = None,
    quick: Quick = False,
) -> None:
    """Write predicted latent factors of audio files, in the space of the factors that the model was trained on.

    With --format, the file is one that a vector store loads; the command that loads it is printed.
    """
    from unheard.recommend.vector_formats import FORMATS

    output = output or Path(f"vectors{FORMATS[format].suffix}")
    session = _session(workspace, split, model, 0, warm=not files)
    with console.progress_bars() as progress:
        report = session.write_vectors(
            files or [], output, format=format, directions=directions, quick=quick, progress=progress
        )
    console.say(f"{output}: {report.written} vectors of {report.dim} factors ({session.model})")
    if command := FORMATS[format].command(output):
        console.say(f"load it: {command}")
    for problem in report.problems:
        console.say(f"  skipped {problem}")
    if report.problems and not report.written:
        raise UserError("none of the files can be used; see the lines above")


def _session(workspace: Path, split: str | None, model: str | None, seed: int, *, warm: bool = False) -> Session:
    """Return a session with current predictions; `warm`: also those of train tracks with plays."""
    from unheard.session import Session

    session = Session(workspace, split=split, model=model, seed=seed)
    if session.notice:
        console.say(session.notice)
    session.update_predictions(warm=warm)
    return session


def _source(session: Session, candidates: str) -> str:
    """Return model, split and candidates for a title, since the first two may be defaults."""
    return f"{session.model}, split {session.catalogue.split.name}, {candidates}"


def list_filters(
    genres: list[str] | None, years: str | None, min_duration_s: float | None, max_duration_s: float | None
) -> Filters:
    """Return the conditions of the command line's options."""
    from unheard.recommend.filters import Filters

    year_from, year_to = _years(years)
    return Filters(genres or (), year_from, year_to, min_duration_s, max_duration_s)


def _as_measured(options: ListOptions) -> bool:
    """Return whether lists with these options, but for caps, are those that `evaluate` measures."""
    from unheard.recommend.filters import NO_FILTERS

    return options.filters == NO_FILTERS and not options.diversity and not options.exclude


def _years(text: str | None) -> tuple[int | None, int | None]:
    """Return the first and last year of 1999, 1990-1999, 1990- or -1999; raise UserError for other text."""
    if text is None:
        return None, None
    match = re.fullmatch(r"(\d{4})|(\d{4})?-(\d{4})?", text.strip())
    if match is None or match[0] == "-":
        raise UserError(f"--year {text!r}: expected 1999, 1990-1999, 1990- or -1999")
    first, last = (match[1], match[1]) if match[1] else (match[2], match[3])
    return int(first) if first else None, int(last) if last else None


def _warn_of_low_confidence(session: Session, seeds: Sequence[str | NewTrack]) -> None:
    """Print a warning for each seed with a low confidence."""
    from unheard.recommend.confidence import LOW_CONFIDENCE

    for seed in seeds:
        confidence = session.confidence(seed)
        if confidence is not None and confidence < LOW_CONFIDENCE:
            console.say(
                f"{session.label(seed)}: low confidence, because no known track is similar; results are a guess"
            )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UserError(message)


def _list_path(output: Path | None) -> Path:
    if output is None or output.suffix != ".csv":
        raise UserError(f"-o {output}: expected a .csv file for lists; use -o lists.csv")
    return output


def _show(
    session: Session, found: list[Recommendation], output: Path | None, *, candidates: str, json: bool, title: str
) -> None:
    if output is not None:
        n = session.export(found, output, title=title)
        console.say(f"{output}: {n} tracks" + (f"; {len(found) - n} have no file" if n < len(found) else ""))
    if not found:
        console.say(_nothing_found(session, candidates))
    if json:
        console.print_json(session.as_json(found))
    elif output is None:
        from unheard.recommend.confidence import LOW_CONFIDENCE

        is_low = [item.confidence is not None and item.confidence < LOW_CONFIDENCE for item in found]
        rows = [
            [item.rank, item.label, item.match_text, LOW_CONFIDENCE_MARK if low else "", item.first_reason]
            for item, low in zip(found, is_low, strict=True)
        ]
        columns = ["", "track", "match", "", "because it is near"]
        console.out.print(console.table(title, columns, rows, right=frozenset({0, 2})))
        if any(is_low):
            console.say(f"{LOW_CONFIDENCE_MARK} low confidence: no known track is similar")


def _nothing_found(session: Session, candidates: str) -> str:
    """Return why a list is empty."""
    if candidates == "cold" and not len(session.catalogue.candidates("cold", new=True)):
        return "every track has been played; scan music that is in no playlist, or add --candidates all"
    return "no candidates: the split, the filters, the artist cap, the album cap and the seeds exclude all tracks"
