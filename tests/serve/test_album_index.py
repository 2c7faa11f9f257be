"""Which tracks make an album: by album artist, by folder, and compilations once."""

from __future__ import annotations

from unheard.library import Track, Tracks
from unheard.serve.album_index import VARIOUS, AlbumTable, albums_of


def track(path: str, artist: str, album: str, album_artist: str = "", date: str = "") -> Track:
    artists = (artist,) if artist else ()
    return Track(path, path, path, artists, album, album_artist=album_artist, release_date=date)


def found(*tracks: Track) -> list[tuple[str, str, list[str]]]:
    """Artist, name and paths of each album."""
    library = Tracks(tuple(sorted(tracks, key=lambda one: one.track_id)))
    return [(album.artist, album.title, [library[row].path for row in album.rows]) for album in albums_of(library)]


def test_albums_of_one_name_by_two_artists_are_two() -> None:
    assert found(track("/m/a/1", "A", "Greatest Hits"), track("/m/b/1", "B", "Greatest Hits")) == [
        ("A", "Greatest Hits", ["/m/a/1"]),
        ("B", "Greatest Hits", ["/m/b/1"]),
    ]


def test_an_album_is_one_whatever_the_spelling_and_the_disc() -> None:
    assert found(
        track("/m/x/CD 2/1", "Béla", "The Night"),
        track("/m/x/CD 10/1", "Béla", "The Night"),
        track("/m/x/CD 1/1", "Bela", "the night"),
    ) == [("Béla", "The Night", ["/m/x/CD 1/1", "/m/x/CD 2/1", "/m/x/CD 10/1"])]


def test_a_compilation_is_listed_once() -> None:
    untagged = [track(f"/m/now/{i}", f"Artist {i}", "Now 42") for i in range(4)]
    assert found(*untagged) == [(VARIOUS, "Now 42", [f"/m/now/{i}" for i in range(4)])]
    for album_artist in ("Various", "Diverse Interpreten", "V.A."):
        tagged = [track(f"/m/artist {i}/x", f"Artist {i}", "Now 42", album_artist) for i in range(4)]
        assert found(*tagged) == [(VARIOUS, "Now 42", [f"/m/artist {i}/x" for i in range(4)])]


def test_two_untagged_compilations_of_one_name_stay_apart() -> None:
    first = [track(f"/m/one/{i}", f"Artist {i}", "Greatest Hits") for i in range(3)]
    second = [track(f"/m/two/{i}", f"Artist {i}", "Greatest Hits") for i in range(3)]
    assert sorted(names for _, _, names in found(*first, *second)) == [
        [f"/m/one/{i}" for i in range(3)],
        [f"/m/two/{i}" for i in range(3)],
    ]


def test_guests_do_not_make_a_compilation() -> None:
    tracks = [track(f"/m/x/{i}", "Main", "Duets") for i in range(3)] + [track("/m/x/9", "Guest", "Duets")]
    assert [(artist, len(names)) for artist, _, names in found(*tracks)] == [("Main", 4)]


def test_the_album_artist_of_some_tracks_counts_for_the_others() -> None:
    tracks = [track("/m/x/1", "A", "Duets", "A and B"), track("/m/x/2", "B", "Duets"), track("/m/x/3", "C", "Duets")]
    assert [(artist, len(names)) for artist, _, names in found(*tracks)] == [("A and B", 3)]


def test_tracks_without_an_album_are_in_none() -> None:
    assert found(track("/m/1", "A", ""), track("/m/2", "A", "Unknown Album")) == []


def test_year_is_that_of_most_tracks_and_ids_do_not_depend_on_other_tracks() -> None:
    members = [track(f"/m/x/{i}", "A", "X", date=date) for i, date in enumerate(("1999", "1999-05-01", "2012", ""))]
    (alone,) = albums_of(Tracks(tuple(members)))
    assert alone.year == 1999
    library = Tracks((*members, track("/z", "Z", "Z")))
    more = albums_of(library)
    assert alone.album_id in {album.album_id for album in more}
    table = AlbumTable.of(more)
    assert table[:] == more
    assert [album.title for album in table.take(table.matching("z"))] == ["Z"]
    assert table.take(table.matching("")) == more
