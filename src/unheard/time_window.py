"""A daily window of time for long work, such as `--between 01:00-06:00`.

Times are the machine's own. A window may pass midnight: 22:00-06:00.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from unheard.errors import UserError

WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass(frozen=True)
class TimeWindow:
    """A window from `start` to `end`, the end excluded."""

    start: time
    end: time

    @staticmethod
    def parse(text: str) -> TimeWindow:
        """Return the window of a text such as 01:00-06:00; UserError for another text."""
        match = WINDOW.fullmatch(text.strip())
        try:
            if match is None:
                raise ValueError
            start, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
        except ValueError:
            raise UserError(f"--between {text!r}: expected two times such as 01:00-06:00") from None
        if start == end:
            raise UserError(f"--between {text!r}: starts when it ends; leave it out to work at any time")
        return TimeWindow(start, end)

    def contains(self, now: datetime) -> bool:
        """Return whether a time is in the window."""
        at = now.time()
        return self.start <= at < self.end if self.start < self.end else at >= self.start or at < self.end

    def end_after(self, now: datetime) -> datetime:
        """Return when the window that contains `now` ends."""
        end = datetime.combine(now.date(), self.end, now.tzinfo)
        return end if end > now else end + timedelta(days=1)

    def closed(self, clock: Callable[[], datetime]) -> Callable[[], bool]:
        """Return a function that says whether the window that contains the present time is over, for good."""
        end = self.end_after(clock())
        return lambda: clock() >= end
