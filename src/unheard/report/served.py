"""The page as a server shows it: players that ask the server, a way back, and a policy of its own.

A browser that has a page from a server reads no `file:` address, so that the page on the disk and the page that is
served differ in these three places, and in nothing else.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from unheard.report.page import script_hash

# Text on the page is escaped, so that none of it looks like one of these.
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
PLAYER = re.compile(r'(<audio [^>]*data-track="([^"]*)" src=")[^"]*"')
TOP = "<header>"


def as_served(page: str, *, sound: Callable[[str], str], home: str, icon: str) -> str:
    """HTML of a page that `render` made, for a server that sends it with `served_policy`.

    sound  the address of the file of a track, by the track's id
    home   the address that the link at the top leads to
    icon   the address of the SVG that stands for the page

    Addresses may hold anything: they are escaped here. Its own policy, which lets players read files only, is left out.
    """

    def asking(player: re.Match[str]) -> str:
        return f'{player[1]}{html.escape(sound(html.unescape(player[2])))}"'

    link = f'<link rel="icon" href="{html.escape(icon)}" type="image/svg+xml">'
    back = f'<p class="back"><a href="{html.escape(home)}">Back to unheard</a></p>'
    page = POLICY.sub(lambda _: link, page, count=1)
    return PLAYER.sub(asking, page.replace(TOP, f"{TOP}\n  {back}", 1))


def served_policy() -> str:
    """The content security policy to send with the page.

    The one script that may run is the one of this package, whatever the file holds. Styles are free, because a page of
    an earlier version has an earlier style: a style can ask for nothing here but pictures of the same server.
    """
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash()}'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
