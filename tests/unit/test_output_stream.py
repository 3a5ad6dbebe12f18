"""The stream of a running block: batches, back-pressure, what was sent before, and what becomes of errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from activities.streaming import BATCH, MAX_BATCH_BYTES, OutputStream
from models.errors import ServiceUnavailableError
from models.values import Value
from models.wire import BlockOutputItem
from tests.polling import eventually

AWAY = ServiceUnavailableError("Temporal does not answer")


class Receiver:
    """Takes batches; holds them up while `gate` is closed, refuses them while `failing` is set."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[object]]] = []
        self.offered = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: Exception | None = None

    async def send(self, first_seq: int, items: tuple[BlockOutputItem, ...]) -> None:
        self.offered += 1
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        self.batches.append((first_seq, [item.value.inline for item in items]))

    @property
    def values(self) -> list[object]:
        return [value for _, values in self.batches for value in values]

    def check_sequence(self, *, first: int = 0) -> None:
        """Every batch begins where the one before it ended."""
        for first_seq, values in self.batches:
            assert first_seq == first
            first += len(values)


def item(value: object) -> BlockOutputItem:
    return BlockOutputItem(pin="out", value=Value(inline=value))


async def add_all(stream: OutputStream, values: range) -> None:
    for value in values:
        await stream.add(item(value))


@asynccontextmanager
async def held_up(receiver: Receiver, stream: OutputStream) -> AsyncIterator["asyncio.Task[None]"]:
    """A block that emits for ever, stuck in its first batch."""
    receiver.gate.clear()

    async def block() -> None:
        async with stream.running():
            await add_all(stream, range(10 * BATCH))

    task = asyncio.create_task(block())
    await eventually(lambda: receiver.offered == 1)
    yield task
    receiver.gate.set()
    await asyncio.wait({task})


async def test_a_full_batch_goes_at_once() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    await add_all(stream, range(2 * BATCH + 1))
    assert [len(values) for _, values in receiver.batches] == [BATCH, BATCH]
    assert receiver.values == list(range(2 * BATCH))
    assert stream.sent == 2 * BATCH
    receiver.check_sequence()


async def test_a_single_value_goes_while_the_block_still_runs() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    async with stream.running():
        await stream.add(item("early"))
        await eventually(lambda: receiver.values == ["early"])
        await stream.add(item("later"))
        await eventually(lambda: receiver.values == ["early", "later"])
    receiver.check_sequence()
    assert stream.sent == 2


async def test_many_bytes_go_at_once() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    await stream.add(item("x" * (MAX_BATCH_BYTES // 2)))
    assert receiver.batches == []
    await stream.add(item("y" * (MAX_BATCH_BYTES // 2)))
    assert [len(values) for _, values in receiver.batches] == [2]


async def test_what_is_left_at_the_end_is_not_sent() -> None:
    """It travels with the result."""
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    async with stream.running():
        await add_all(stream, range(BATCH + 3))
    assert stream.sent == len(receiver.values) == BATCH


async def test_a_fast_block_waits_for_its_batch() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    async with held_up(receiver, stream) as block:
        await asyncio.sleep(0)
        assert not block.done()
        assert receiver.offered == 1
        assert stream.sent == 0
    assert receiver.values == list(range(10 * BATCH))
    receiver.check_sequence()


async def test_a_batch_under_way_is_finished_at_the_end_of_the_block() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    receiver.gate.clear()

    async def block() -> None:
        async with stream.running():
            await stream.add(item(0))
            await eventually(lambda: receiver.offered == 1)

    ending = asyncio.create_task(block())
    await eventually(lambda: receiver.offered == 1)
    receiver.gate.set()
    await ending
    assert receiver.values == [0]
    assert stream.sent == 1


async def test_what_an_earlier_attempt_has_sent_is_left_out() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send, already_sent=7)
    await add_all(stream, range(7 + BATCH))
    assert receiver.values == list(range(7, 7 + BATCH))
    receiver.check_sequence(first=7)
    assert stream.sent == 7 + BATCH


async def test_an_attempt_that_ends_earlier_than_the_one_before_sends_nothing() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send, already_sent=7)
    async with stream.running():
        await add_all(stream, range(3))
    assert receiver.batches == []
    assert stream.sent == 7


async def test_an_error_of_a_full_batch_ends_the_block() -> None:
    receiver = Receiver()
    receiver.failing = AWAY
    stream = OutputStream(receiver.send)
    with pytest.raises(ServiceUnavailableError):
        async with stream.running():
            await add_all(stream, range(BATCH))
    assert stream.sent == 0


async def test_after_a_batch_that_failed_in_the_background_nothing_more_is_sent() -> None:
    """Later values must not go under its numbers, even if sending would succeed again."""
    receiver = Receiver()
    receiver.failing = AWAY
    stream = OutputStream(receiver.send)

    async def block() -> None:
        async with stream.running():
            await stream.add(item(0))
            await eventually(lambda: receiver.offered == 1)
            receiver.failing = None
            await add_all(stream, range(1, 2 * BATCH))

    with pytest.raises(ServiceUnavailableError):
        await block()
    assert receiver.batches == []
    assert stream.sent == 0


async def test_an_error_in_the_background_is_told_at_the_end() -> None:
    receiver = Receiver()
    receiver.failing = AWAY
    stream = OutputStream(receiver.send)

    async def block() -> None:
        async with stream.running():
            await stream.add(item(0))
            await eventually(lambda: receiver.offered == 1)

    with pytest.raises(ServiceUnavailableError):
        await block()


async def test_a_cancellation_lets_the_batch_under_way_arrive() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send)
    async with held_up(receiver, stream) as block:
        block.cancel()
        await asyncio.sleep(0)
        assert not block.done()
    assert block.cancelled()
    assert receiver.values == list(range(BATCH))
    assert stream.sent == BATCH


async def test_a_cancellation_is_not_held_up_by_a_batch_that_nobody_takes() -> None:
    receiver = Receiver()
    stream = OutputStream(receiver.send, finish_within_seconds=0.01)
    async with held_up(receiver, stream) as block:
        block.cancel()
        await eventually(block.done)
        assert block.cancelled()
    assert receiver.batches == []
    assert stream.sent == 0


async def test_a_batch_that_fails_during_a_cancellation_is_forgotten() -> None:
    receiver = Receiver()
    receiver.failing = AWAY
    stream = OutputStream(receiver.send)
    async with held_up(receiver, stream) as block:
        block.cancel()
        await asyncio.sleep(0)
    assert block.cancelled()
    assert stream.sent == 0
