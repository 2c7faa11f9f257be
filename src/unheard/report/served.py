"""Adapt the report for a web server: players load audio from the server, and a link leads back.

Browsers do not load `file:` addresses from a page of a server. The page on disk and the served page differ in the
addresses of the players, the link, and the content security policy, which the server sends as a header.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from unheard.report.page import script_hash

# Text on the page is escaped and cannot match these patterns.
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
PLAYER = re.compile(r'(<audio [^>]*data-track="([^"]*)" src=")[^"]*"')
TOP = "<header>"


def as_served(page: str, *, sound: Callable[[str], str], home: str, icon: str) -> str:
    """Return a page that `render` made, for a server that sends it with `served_policy`.

    sound  address of the audio file of a track, by track id
    home   target of the link at the top
    icon   address of an SVG icon

    Addresses are escaped here. The policy in the page, which allows players to read local files only, is removed.
    """

    def with_address(player: re.Match[str]) -> str:
        return f'{player[1]}{html.escape(sound(html.unescape(player[2])))}"'

    link = f'<link rel="icon" href="{html.escape(icon)}" type="image/svg+xml">'
    back = f'<p class="back"><a href="{html.escape(home)}">Back to unheard</a></p>'
    page = POLICY.sub(lambda _: link, page, count=1)
    return PLAYER.sub(with_address, page.replace(TOP, f"{TOP}\n  {back}", 1))


def served_policy() -> str:
    """Return the content security policy to send with the page.

    Only the script of this package may run, whatever the file contains. Inline styles are allowed, because a page of an
    earlier version has another style; they can load nothing but images of the same server.
    """
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash()}'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
