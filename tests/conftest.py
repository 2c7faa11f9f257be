"""A suite that is started in the background ignores Ctrl-C, and so would the processes whose Ctrl-C it tests."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
