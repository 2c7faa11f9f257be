"""Write text into CSV files so that a spreadsheet takes it as text, and read it back.

A cell that begins with =, +, -, @, a tab or a line break is a formula to a spreadsheet, and a title or an id may come
from anyone. OWASP advises a quote in front (https://owasp.org/www-community/attacks/CSV_Injection). Quotes that stand
before such a character get one more, so that `of_cell(as_cell(text))` is `text`. Control characters but for white space
become blanks.
"""

from __future__ import annotations

import re

from unheard.ids import CONTROL

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def as_cell(value: object) -> object:
    """Return text as a spreadsheet shows it; other values as they are."""
    if not isinstance(value, str):
        return value
    text = CONTROL.sub(" ", value)
    return f"'{text}" if FORMULA.match(text) else text


def of_cell(text: str) -> str:
    """Return the text of a cell that `as_cell` wrote; that of another cell unless it begins with a quoted formula."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text
