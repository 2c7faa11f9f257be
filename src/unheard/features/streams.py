"""Read one stream of samples with several readers, each at its own sample rate, in bounded memory.

A reader is a function of an iterator of blocks, such as `extract_blocks`. A single reader reads the stream directly;
several run in threads with queues of a few blocks, so no reader gets far ahead of the others.
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
Item = Floats | BaseException | None  # a block, an error of the stream, or None at its end


def read_together(stream: Iterator[Sequence[Floats]], readers: Sequence[tuple[int, Reader[T]]]) -> list[T]:
    """Return what each reader returns; raise the error of the stream, or of the first reader that fails.

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
    """Run a reader, then drain its queue, so that the other readers do not wait."""
    blocks = _blocks(queue)
    try:
        return reader(blocks)
    finally:
        try:
            for _ in blocks:
                pass
        except BaseException:  # noqa: BLE001, S110 - an error of the stream, which `read_together` raises
            pass


def _blocks(queue: Queue[Item]) -> Iterator[Floats]:
    while True:
        item = queue.get()
        if isinstance(item, BaseException):
            raise item
        if item is None:
            return
        yield item
