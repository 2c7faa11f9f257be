"""What the whole suite shares.

A suite that is started in the background ignores Ctrl-C, and so would the processes whose Ctrl-C it tests. One that
runs in several processes is told the width of a terminal, and so would be the tables that tests read.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

os.environ.pop("COLUMNS", None)
settings.register_profile("unheard", deadline=None)  # a busy machine is no failure
settings.load_profile("unheard")
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, one for all tests: a thread can drive one Playwright at a time."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--mute-audio"])
        yield browser
        browser.close()
