"""Search finds what people type: a table of queries over a library in many alphabets, and laws on random libraries."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unheard.library import Track, Tracks
from unheard.search import SearchIndex, TrackSearch, did_you_mean, near_names, near_tracks
from unheard.search.folding import query_forms, words_of

LIBRARY = """
AC/DC | Back in Black | Back in Black | 1980 | Hard Rock
Queen | Bohemian Rhapsody | A Night at the Opera | 1975 | Rock
Queen | Don't Stop Me Now - Remastered 2011 | Jazz | 1978 | Rock
Metallica | Nothing Else Matters | Metallica | 1991 | Metal
Motörhead | Ace of Spades | Ace of Spades | 1980 | Metal
Björk | Jóga | Homogenic | 1997 | Electronic
Sigur Rós | Hoppípolla | Takk... | 2005 | Post-Rock
Die Ärzte | Männer sind Schweine | 13 | 1998 | Punk
Herbert Grönemeyer | Straße | Mensch | 2002 | Deutschpop
MØ | Final Song | Final Song | 2016 | Pop
Łona i Webber | Błąd | Nawiasem mówiąc | 2011 | Hip-Hop
Кино | Группа крови | Группа крови | 1988 | Russian Rock
Виктор Цой | Пачка сигарет | Звезда по имени Солнце | 1989 | Russian Rock
Пётр Ильич Чайковский | Щелкунчик | Балеты | 1892 | Classical
Μίκης Θεοδωράκης | Ζορμπάς | Zorba the Greek | 1964 | Soundtrack
Sơn Tùng M-TP | Chạy ngay đi | Chạy ngay đi | 2018 | V-Pop
宇多田ヒカル | ﾌﾟﾚｲ・ﾎﾞｰﾙ | DEEP RIVER | 2002 | J-Pop
東京事変 | 群青日和 | 教育 | 2004 | J-Rock
周杰倫 | 七里香 | 七里香 | 2004 | Mandopop
아이유 | 좋은 날 | Real | 2010 | K-Pop
فيروز | نسم علينا الهوى | أنا وسهريانة | 1968 | Arabic
אריק איינשטיין | אני ואתה | בדשא אצל אביגדור | 1971 | Israeli
लता मंगेशकर | लग जा गले | वो कौन थी | 1964 | Filmi
P!nk | So What | Funhouse | 2008 | Pop
Pink Floyd | Money | The Dark Side of the Moon | 1973 | Progressive Rock
Ke$ha | TiK ToK | Animal | 2009 | Pop
Guns N' Roses | Sweet Child o' Mine | Appetite for Destruction | 1987 | Hard Rock
Simon & Garfunkel | The Sound of Silence | Wednesday Morning, 3 A.M. | 1964 | Folk
Blink-182 | All the Small Things | Enema of the State | 1999 | Punk; Pop
Sum 41 | Fat Lip | All Killer No Filler | 2001 | Punk
!!! | Me and Giuliani Down by the School Yard | Louden Up Now | 2004 | Dance
Ed Sheeran | Shape of You | ÷ | 2017 | Pop
Radiohead | Paranoid Android | OK Computer | 1997 | Alternative
Linkin Park | In the End | Hybrid Theory | 2000 | Nu Metal
The Beatles | Blackbird | The Beatles | 1968 | Rock
Led Zeppelin | Rock and Roll | IV | 1971 | Rock
Jay-Z; Kanye West | No Church in the Wild (feat. Frank Ocean) | Watch the Throne | 2011 | Rap
Tarkan | Şımarık | Ölürüm Sana | 1997 | Turkish Pop
Antonín Dvořák | Symphony No. 9 | From the New World | 1893 | Classical
Françoise Hardy | Tous les garçons et les filles | Tous les garçons | 1962 | Chanson
Đorđe Balašević | Prva ljubav | Pub | 1982 | Yugoslav Rock
deadmau5 | Strobe | For Lack of a Better Name | 2009 | House
Sinéad O’Connor | Nothing Compares 2 U | I Do Not Want | 1990 | Ballad
R.E.M. | Losing My Religion | Out of Time | 1991 | Alternative
Ｙ・Ｍ・Ｏ | ＲＹＤＥＥＮ | Solid State Survivor | 1979 | Technopop
Æther Realm | Tarot | Tarot | 2017 | Folk Metal
"""

# (query, the title that has to come first; "-": nothing is found)
QUERIES = """
acdc | Back in Black
AC/DC | Back in Black
ac dc | Back in Black
black back acdc | Back in Black
dont stop me now | Don't Stop Me Now - Remastered 2011
don't stop | Don't Stop Me Now - Remastered 2011
DON’T STOP ME NOW | Don't Stop Me Now - Remastered 2011
dont stp me now queen | Don't Stop Me Now - Remastered 2011
metalica | Nothing Else Matters
nothing esle maters | Nothing Else Matters
bohemain rapsody | Bohemian Rhapsody
queen bohem | Bohemian Rhapsody
night at the opera | Bohemian Rhapsody
motorhead | Ace of Spades
Motörhead ace | Ace of Spades
bjork joga | Jóga
sigur ros hoppipolla | Hoppípolla
arzte | Männer sind Schweine
aerzte | Männer sind Schweine
maenner | Männer sind Schweine
strasse gronemeyer | Straße
groenemeyer | Straße
mo final song | Final Song
moe final | Final Song
lona blad | Błąd
aether realm | Tarot
kino gruppa krovi | Группа крови
кино | Группа крови
группа кр | Группа крови
viktor tsoi | Пачка сигарет
tsoy pachka | Пачка сигарет
цои | Пачка сигарет
tchaikovsky | Щелкунчик
chaikovsky | Щелкунчик
петр чайковскии | Щелкунчик
shchelkunchik | Щелкунчик
mikis theodorakis | Ζορμπάς
θεοδωρακης | Ζορμπάς
ΖΟΡΜΠΑΣ | Ζορμπάς
son tung chay ngay di | Chạy ngay đi
プレイ・ボール | ﾌﾟﾚｲ・ﾎﾞｰﾙ
ぷれい | ﾌﾟﾚｲ・ﾎﾞｰﾙ
hikaru | ﾌﾟﾚｲ・ﾎﾞｰﾙ
東京 | 群青日和
群青 東京事変 | 群青日和
zhou jie lun | 七里香
周杰伦 | 七里香
qilixiang | 七里香
아이유 | 좋은 날
aiyu | 좋은 날
فيروز | نسم علينا الهوى
אריק | אני ואתה
लता | लग जा गले
pink so what | So What
p!nk | So What
pink floyd | Money
kesha tik tok | TiK ToK
ke$ha | TiK ToK
guns and roses | Sweet Child o' Mine
guns n roses sweet child | Sweet Child o' Mine
gunsnroses | Sweet Child o' Mine
simon and garfunkel | The Sound of Silence
simon garfunkel silence | The Sound of Silence
blink182 | All the Small Things
blink 182 | All the Small Things
sum41 | Fat Lip
!!! | Me and Giuliani Down by the School Yard
÷ | Shape of You
radio head | Paranoid Android
radiohed | Paranoid Android
linkinpark | In the End
black bird | Blackbird
beatles | Blackbird
rock'n'roll | Rock and Roll
rock & roll | Rock and Roll
rock n roll zeppelin | Rock and Roll
dark side of the moon | Money
jay z no church | No Church in the Wild (feat. Frank Ocean)
no church in the wild | No Church in the Wild (feat. Frank Ocean)
kanye west | No Church in the Wild (feat. Frank Ocean)
frank ocean wild | No Church in the Wild (feat. Frank Ocean)
simarik | Şımarık
dvorak 9 | Symphony No. 9
francoise garcons | Tous les garçons et les filles
djordje balasevic | Prva ljubav
dorde balasevic | Prva ljubav
deadmaus | Strobe
oconnor | Nothing Compares 2 U
o'connor nothing compares | Nothing Compares 2 U
rem religion | Losing My Religion
ymo rydeen | ＲＹＤＥＥＮ
turkish pop 1997 | Şımarık
hip hop 2011 | Błąd
post rock | Hoppípolla
80s metal | Ace of Spades
punk 1999 | All the Small Things
technopop 1970s | ＲＹＤＥＥＮ
qqzzxxjj | -
queen floyd | -
"""


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in text.strip("\n").splitlines()]


TRACKS = [
    Track(f"t{n:02d}", "", title, tuple(artists.split("; ")), album, release_date=year, genre=genre)
    for n, (artists, title, album, year, genre) in enumerate(table(LIBRARY))
]


@pytest.fixture(scope="module")
def search() -> TrackSearch:
    return TrackSearch(TRACKS)


def titles(search: TrackSearch, query: str) -> list[str]:
    return [TRACKS[row].title for row in search.search(query)]


@pytest.mark.parametrize(("query", "title"), [(query, title) for query, title in table(QUERIES)])
def test_what_people_type_finds_the_track_first(search: TrackSearch, query: str, title: str) -> None:
    found = titles(search, query)
    assert (found == []) if title == "-" else (found[:1] == [title]), found[:5]


def test_equal_names_come_before_beginnings_and_those_before_typing_errors() -> None:
    names = ["Lovers", "Live", "Is This Love", "Love", "Glove", "Love Me Do", "Lovely Day", "Dove"]
    tracks = [Track(str(n), "", title, (f"Band {n}",)) for n, title in enumerate(names)]
    found = [tracks[row].title for row in TrackSearch(tracks).search("love")]
    assert found[:5] == ["Love", "Love Me Do", "Lovers", "Lovely Day", "Is This Love"]
    assert found[5:] == ["Glove"]  # whole words were found, so live and dove are no typing errors
    misspelt = [tracks[row].title for row in TrackSearch(tracks).search("lovly")]
    assert misspelt[0] == "Lovely Day"


def test_names_count_more_than_other_fields_and_plays_do_not_count() -> None:
    tracks = [
        Track("a", "", "Song", ("Band",), "Thunder"),
        Track("b", "", "Big Thunder", ("Band",), "Album"),
        Track("c", "", "Thunder", ("Band",), "Album"),
    ]
    assert [tracks[row].track_id for row in TrackSearch(tracks).search("thunder")] == ["c", "b", "a"]


def test_a_blank_query_lists_everything_by_name() -> None:
    tracks = [
        Track("a", "", "Zebra", ("The Ärgers",)),
        Track("b", "", "Ant", ("Zoo",)),
        Track("c", "", "Ant", ("arg",)),
    ]
    for query in ("", "  "):
        assert [tracks[row].track_id for row in TrackSearch(tracks).search(query)] == ["c", "a", "b"]
    assert len(TrackSearch([]).search("")) == len(TrackSearch([]).search("word")) == 0


words = st.text(st.sampled_from("abcdehilnorstäøйщοπ가東"), min_size=1, max_size=7)
names = st.lists(words, min_size=1, max_size=4).map(" ".join)


@given(st.lists(st.tuples(names, names, names), min_size=1, max_size=12), st.data())
def test_every_track_is_found_by_its_words_in_any_order(
    fields: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    tracks = [Track(str(n), "", title, (artist,), album) for n, (title, artist, album) in enumerate(fields)]
    search = TrackSearch(tracks)
    wanted = data.draw(st.sampled_from(range(len(tracks))))
    query = data.draw(st.permutations(" ".join(fields[wanted]).split()))
    assert wanted in search.search(" ".join(query))
    assert wanted in search.search(fields[wanted][0])
    same = {row for row, (title, artist, _) in enumerate(fields) if fields[wanted][0] in (title, artist)}
    assert same <= set(search.named(fields[wanted][0]).tolist())


@given(st.text(max_size=30), st.lists(st.text(max_size=12), max_size=6))
def test_any_text_is_searched_without_an_error(query: str, texts: list[str]) -> None:
    index = SearchIndex(((text,), (text[::-1],)) for text in texts)
    found = index.search(query)
    assert len(set(found.tolist())) == len(found) <= len(texts)


def test_a_long_query_needs_every_word() -> None:
    index = SearchIndex([(("one two three",), ())])
    assert len(index.search("one two three " * 500)) == 1
    assert len(index.search("one two three " * 500 + "four")) == 0


def test_forms_of_words() -> None:
    assert set(words_of("AC/DC")) == {"ac", "dc", "acdc"}
    assert set(words_of("Don't")) == {"don", "t", "dont"}
    assert set(words_of("P!nk")) == {"p", "nk", "pnk", "pink"}
    assert set(words_of("Кино")) == {"кино", "kino"}
    assert words_of("!!!") == ["!!!"]
    assert query_forms("AC/DC don't") == [["ac", "dc", "dont"], ["acdc", "dont"]]
    assert query_forms("東京 кино") == [["東京", "кино"], ["dongjing", "kino"]]
    assert query_forms("愛 кино")[1:] == []  # "ai" would begin too many words


def test_wrong_names_get_near_ones() -> None:
    names = ["rock/Best of 1999", "jazz/best of", "Für Anna", "Running"]
    assert near_names("runing", names) == ["Running"]
    assert near_names("fur ana", names) == ["Für Anna"]
    assert set(near_names("best", names)) == {"rock/Best of 1999", "jazz/best of"}
    assert near_names(" ", names) == near_names("xyzzy", names) == []
    tracks = Tracks(tuple(TRACKS))
    assert near_tracks("t1x", tracks) == ["t10", "t11", "t12"]
    assert near_tracks("queen bohemian", tracks) == ["t01"]
    hexadecimal = Tracks((Track("0f3a9c2b77d1e845"), Track("90bb1c2b77d1e845")))
    assert near_tracks("0f3a9c2b77d1e84", hexadecimal) == near_tracks("0f3a9c2b77d1e854", hexadecimal)
    assert near_tracks("0f3a9c2b77d1e84", hexadecimal) == ["0f3a9c2b77d1e845"]
    assert did_you_mean([]) == ""
    assert did_you_mean(["a"]) == "did you mean a? "
    assert did_you_mean(["a", "b", "c"]) == "did you mean a, b or c? "


def test_ten_thousand_tracks_are_searched_quickly_enough_to_type() -> None:
    """Guards against a search of every track in Python; bench/bench_search.py measures 100,000 tracks."""
    rng = np.random.default_rng(0)
    letters = rng.integers(97, 123, (20_000, 6), dtype=np.uint8)
    words = [row.tobytes().decode() for row in letters]
    tracks = [Track(str(n), "", f"{words[n]} {words[-n]}", (words[n // 10],), words[n // 7]) for n in range(10_000)]
    search = TrackSearch(tracks)
    start = time.process_time()
    for n in range(0, 10_000, 500):
        assert n in search.search(f"{words[n // 10]} {words[n][:2]}{words[n][3:]}")  # a letter left out
    assert (time.process_time() - start) / 20 < 0.2
