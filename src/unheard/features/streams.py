"""Let several readers read one stream of samples at several rates, each at its own rate, in bounded memory.

Readers are functions of an iterator of blocks, as `extract_blocks` is. One alone reads the stream directly; several run
in threads behind queues of a few blocks, so none gets far ahead of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import TypeVar

from unheard.arrays import Floats

T = TypeVar("T")
Reader = Callable[[Iterator[Floats]], T]
WAITING_BLOCKS = 64
Item = Floats | BaseException | None  # a block, what ended the stream early, or its end


def read_together(stream: Iterator[Sequence[Floats]], readers: Sequence[tuple[int, Reader[T]]]) -> list[T]:
    """Return what each reader returns; the error of the stream, or of the first reader that fails, is raised.

    stream   at each step a block for every sample rate
    readers  (index of its rate, reader)
    """
    if len(readers) == 1:
        ((rate, reader),) = readers
        return [reader(at_rates[rate] for at_rates in stream)]
    queues: list[Queue[Item]] = [Queue(WAITING_BLOCKS) for _ in readers]
    with ThreadPoolExecutor(len(readers)) as pool:
        running = [pool.submit(_read, reader, queue) for (_, reader), queue in zip(readers, queues, strict=True)]
        end: BaseException | None = None
        try:
            for at_rates in stream:
                for (rate, _), queue in zip(readers, queues, strict=True):
                    queue.put(at_rates[rate])
        except BaseException as error:
            end = error
            raise
        finally:
            for queue in queues:
                queue.put(end)
        return [reading.result() for reading in running]


def _read(reader: Reader[T], queue: Queue[Item]) -> T:
    """Run a reader; whatever it leaves is drained, so that the others are not kept waiting."""
    blocks = _blocks(queue)
    try:
        return reader(blocks)
    finally:
        try:
            for _ in blocks:
                pass
        except BaseException:  # noqa: BLE001, S110 - the stream's own error, which its caller gets
            pass


def _blocks(queue: Queue[Item]) -> Iterator[Floats]:
    while True:
        item = queue.get()
        if isinstance(item, BaseException):
            raise item
        if item is None:
            return
        yield item
