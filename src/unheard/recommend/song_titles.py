"""Reduce a title to the song: without featured artists and without the name of the version, in several languages.

"Heroes (2017 Remaster)", "Heroes - Live at Wembley" and "Heroes [feat. Guest]" become "heroes". Versions are live and
acoustic performances, remasters, edits, mixes and remixes, demos, takes, mono and stereo, instrumentals and karaoke.
Everything else stays: "Part 2", "Reprise", "Interlude" and numbers name another track.

A note is recognised only in brackets, after a dash, or (few unmistakable ones) at the end: "Live and Let Die" has none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from unheard.artist_names import loose
from unheard.bounded_text import bounded, cached_short

MAX_CHARACTERS = 300  # of a title; patterns look at every pair of them
OPEN, CLOSE = "([{<【〔《〈「『", ")]}>】〕》〉」』"
BRACKETED = re.compile(rf"[{re.escape(OPEN)}]([^{re.escape(OPEN + CLOSE)}]*)[{re.escape(CLOSE)}]")
DASHED = re.compile(r"\s+[-–—―~/|:•·]+\s+|\s*[–—―]\s*|:\s+|\s+-(?=\S.*-$)|\s*~\s*(?=\S.*~\s*$)")

# All words are written as `folded` writes them: lower case, without Latin accents.
PLACES = (
    r"at|in|from|on|@|for|session|version|ver|take|mix|edit|remaster\w*|recording|performance|acoustic|unplugged|aus|im|bei"
    r"|en|au|aux|a|dans|desde|da|do|de|no|na|dal|dall|al|alla|ao|i|w|v|på|pa|op|aid|\d{4}|\w*fest\w*"
)
SUBJECTS = (
    "to|i|we|you|they|who|me|us|and|can|will|must|shall|gonna|how|let|long|people|lovers"  # "to live" is no version
)
LIVE_WORDS = (  # in any note
    r"en vivo|en directo|en concierto|ao vivo|em concerto|dal vivo|in concerto|en public|en direct|en concert"
    r"|in concert|na zywo|na żywo|live-?mitschnitt|konzertmitschnitt|mtv unplugged|koncertfelvetel"
    r"|концерт\w*|живое исполнение|жив(?:ои|ая|ое|ьем)|наживо"
)
LIVE = (
    r"(?:(?:recorded|aufgenommen|grabado|gravado|registrato|enregistre)\s+)?(?:live|livenä|zive|canlı|canli)"
    rf"(?:\s*[,:!.]|\s+(?:{PLACES})(?!\w).*)?"
    rf"|(?!.*\b(?:{SUBJECTS})\s+live$).+\blive|live\W.*\d{{4}}|(?:.*\b)?(?:{LIVE_WORDS})\b.*"
    r"|.*(?:ライブ|ライヴ|コンサート|现场|現場|演唱会|演唱會|라이브|실황|콘서트).*"
)
# A note may begin or end with these.
STRONG = (
    r"re-?master\w*|re-?masterizad\w+|remasterise\w*|rimasterizzat\w+|neu gemastert"
    r"|ремастер\w*|リマスター\w*|리마스터\w*"
    r"|remix\w*|rmx|remezcla|ремикс\w*|リミックス|리믹스"
    r"|unplugged|desenchufado|acoustic|acustic[oa]|akusti\w+|acoustique|акустик\w*|акустич\w+|アコースティック|어쿠스틱"
    r"|demo|demos|maqueta|демо|デモ|outtake|rehears\w*|ensaio|probe|bonus\w*|mono|stereo"
    r"|instrumental\w*|strumentale|инструментал\w*|インストゥルメンタル|인스트루멘탈|伴奏|a ?cc?app?ell?a"
    r"|karaoke\w*|караоке|カラオケ|노래방"
    r"|version\w*|versao|versjon|versie|versiyon\w*|wersja|verze|fassung|версия|ver|バージョン|ヴァージョン|버전|版"
)
# A note may only end with these, perhaps with a number behind: "Radio Edit", "Extended Mix 2".
WEAK = "edit|mix|cut|dub|rework|bootleg|mashup|take|session|sessions|single|recording|aufnahme|grabacion|arrangement"
ALONE = (
    r"explicit|clean|stripped|deluxe|original|extended|radio|album|reissue|alternate|alternative|anniversary.*"
    r"|sped up|slowed(?: down)?(?:\W+reverb)?|nightcore|8d(?: audio)?|hq|hd|音源|mv|pv|m/v"
    r"|official(?: (?:music )?(?:video|audio))?|lyrics?(?: video)?|visuali[sz]er"
    r"|.*\b(?:deluxe|anniversary|expanded|special|collector's) edition|edicion .*"
    r"|(?:from|aus|de|dal film|tema de)\s+(?:the\s+)?(?:[\"'“„«].*|(?:motion picture|film|movie|soundtrack)\b.*)"
    r"|.*\b(?:motion picture|original)? ?(?:soundtrack|ost)"
)
LETTER = r"\b|(?<=[^\x00-\u02ff])"  # Japanese and Chinese have no blanks before a word
NOTE = re.compile(
    rf"(?:{LIVE}|(?:\d{{4}}\W+)?(?:{STRONG})(?:\W.*)?|.*(?:{LETTER})(?:{STRONG})(?:\W+(?:\d+|[ivx]+))?"
    rf"|(?:.*\W)?(?:{WEAK})(?:\W+\d+)?|{ALONE})",
    re.DOTALL,
)
# Words after "with" that name no guest: "Dancing (With You)".
NO_GUEST = (
    r"you|me|my|him|her|his|them|us|the|a|an|your|yourself|myself|it|love|no|out|in|ti|te|mi|tu|tus|ella|el|la|los|las"
    r"|un|una|dir|mir|uns|euch|dem|der|den|einem|einer|toi|moi|lui|elle|nous|vous|le|les|des|une|voce|mim|o|os|as|um|uma|lei|noi|voi"
)
FEATURING = r"feat|ft|featuring|featured"
GUEST = re.compile(
    rf"(?:{FEATURING}|prod|produced by|duet with|dueto con|en duo avec|duett mit)\b.*|[fw]/.+"
    rf"|part\.(?!\s*(?:\d|(?:[ivx]+|one|two|three)\b)).+"
    rf"|(?:with|con|mit|avec|com|met|med|z|ze|при участии|совместно с)\s+(?!(?:{NO_GUEST})\b).+",
    re.DOTALL,
)
FEAT_AT_END = re.compile(rf"[\s,]+(?:{FEATURING})\b\.?\s.*$")
# Without brackets and dash, only these are notes.
AT_END = re.compile(
    r"\s+(?:(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?(?:re-?master(?:ed)?|remasterizado|remasterisee?|rimasterizzato)"
    r"(?:\s+(?:in\s+)?\d{4})?(?:\s+version)?"
    r"|(?:live|radio|single|album|acoustic|demo|extended|mono|stereo|original|instrumental|karaoke|club)\s+(?:version|mix|edit)"
    r"|en vivo|ao vivo|en directo|dal vivo|na zywo|version (?:acustica|en vivo|acoustique|live)|versao acustica"
    r"|mtv unplugged|ライブ|ライヴ|라이브|现场版|現場版)$"
)
# Titles that many tracks of one artist have, in works and on albums that have nothing else in common.
GENERIC_WORDS = (
    r"intro(?:duction|duccion|ducao|duzione)?|outro|interlude?|interludio|skit|prelud(?:e|io|ium)|praeludium|overture|ouverture|finale|epilogue?|epilog|prologu?e?"
    r"|untitled|sin titulo|ohne titel|sans titre|senza titolo|sem titulo"
    r"|без названия|無題|无题|hidden track|bonus|silence|jam"
    r"|track|titel|pista|faixa|piste|traccia|дорожка|theme|main theme|tema|title|end credits|credits|reprise|medley"
    r"|allegro|andante|adagio|largo|presto|vivace|moderato|lento|allegretto|andantino|larghetto|grave|scherzo|menuett?o?"
    r"|minuet|rondo|aria|recitativ\w*|fuga|fugue|toccata|sarabande|gigue|courante|allemande|bourree|gavotte|nocturne|etude"
    r"|symphon(?:y|ie)|sinfonia|sonat[ae]|concerto|konzert|quartet\w*|trio|waltz|walzer|in|major|minor|dur|moll|[a-h]|flat|sharp"
    r"|con|ma|non|troppo|molto|assai|poco|brio|moto|e|ed|und|and|no|nr|op|part|pt|i+|iv|vi*|ix|x|\d\d?"
)
GENERIC = re.compile(rf"\W+|(?:{GENERIC_WORDS})(?:\W+(?:{GENERIC_WORDS}))*\W*")
ABBREVIATION = re.compile(r"\b(\w)\.(?=\w\b)")


@cached_short(262_144)
def song_title(title: str) -> str:
    """Return what a title says of the song, for comparisons: without version and guests; empty without a title."""
    title = bounded(title, MAX_CHARACTERS)
    text = ABBREVIATION.sub(r"\1", folded(title))
    core = BRACKETED.sub(lambda match: " " if _is_note(match[1]) else f" {match[1]} ", text)
    core = _without_dashed(core)
    core = AT_END.sub("", FEAT_AT_END.sub("", core.strip()))
    return loose(core) if any(c.isalnum() for c in core) else loose(title)


def is_generic(core: str) -> bool:
    """Return whether a song's title is one such as "intro" or "allegro", which says too little to know the song by."""
    return GENERIC.fullmatch(core) is not None


@lru_cache(maxsize=1024)
def folded(text: str) -> str:
    """Return text in lower case, without accents, and with the plain forms of full-width letters and brackets."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKC", "".join(c for c in plain if not "\u0300" <= c <= "\u036f"))
    return " ".join(plain.replace("’", "'").split())


def _without_dashed(text: str) -> str:
    """Return a title without the notes behind its last dashes; the first part always stays."""
    separators = list(DASHED.finditer(text))
    for separator in reversed(separators):
        if not text[: separator.start()].strip() or not _is_note(text[separator.end() :]):
            break
        text = text[: separator.start()]
    return text


def _is_note(text: str) -> bool:
    """Return whether a part of a title names a version or a guest."""
    text = text.strip(' ~-–—!.,*"“”')
    return bool(text) and (NOTE.fullmatch(text) is not None or GUEST.fullmatch(text) is not None)
