"""Limit how often an address may guess a token, or send something that is costly.

Each address has a bucket of `burst` tries that refills by one every `every_s`. While someone guesses without end,
others at the same address cannot send the token either; browsers that are logged in and programs with a key are not
affected (security.py). Sending the same wrong secret again costs nothing: a forgotten program with an old token does
not use up the tries of others.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

MAX_ADDRESSES = 10_000
MAX_WRONG = 100  # secrets whose repetition costs nothing, of an address
UNKNOWN = "unknown"
IPV6_NETWORK = 64  # bits: what one customer of a provider has


@dataclass
class _Bucket:
    tries: float
    at_s: float
    wrong: set[bytes] = field(default_factory=set)


class Attempts:
    """Tries by address; safe to use from several threads."""

    def __init__(self, burst: int, every_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._every_s, self._clock = burst, every_s, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> int:
        """Return how many whole seconds an address has to wait for its next try; 0 if it may try now."""
        with self._lock:
            return self._wait_s(self._bucket(address))

    def take(self, address: str) -> int:
        """Use a try and return 0; or return the seconds to wait."""
        with self._lock:
            bucket = self._bucket(address)
            wait_s = self._wait_s(bucket)
            if not wait_s:
                bucket.tries -= 1
            return wait_s

    def failed(self, address: str, secret: str) -> None:
        """Use a try for a wrong secret, unless the address has sent the same before."""
        mark = hashlib.blake2b(secret.encode("utf-8", "replace"), digest_size=8).digest()
        with self._lock:
            bucket = self._bucket(address)
            if mark in bucket.wrong:
                return
            if len(bucket.wrong) < MAX_WRONG:
                bucket.wrong.add(mark)
            bucket.tries = max(0.0, bucket.tries - 1)

    def _wait_s(self, bucket: _Bucket) -> int:
        return 0 if bucket.tries >= 1 else math.ceil((1 - bucket.tries) * self._every_s)

    def _bucket(self, address: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(address, _Bucket(self._burst, now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        bucket.tries = min(self._burst, bucket.tries + (now - bucket.at_s) / self._every_s)
        bucket.at_s = now
        return bucket


def address_of(scope: Scope) -> str:
    """Return whom a request is counted for: its address, and for IPv6 the network of its address."""
    client = scope.get("client")
    host = str(client[0]) if client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return UNKNOWN  # no socket, or a text of a client that a proxy has passed on
    if address.version == 6 and not address.ipv4_mapped:
        return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
    return host
