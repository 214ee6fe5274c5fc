"""A stream with a bounded buffer, as a socket's: a writer waits while the reader does not read."""

import trio


class _Half:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer = bytearray()
        self.is_closed = False
        self.changed = trio.Condition()


class BoundedPipe(trio.abc.Stream):
    """One end; `bounded_pipe` makes both."""

    def __init__(self, reads: _Half, writes: _Half) -> None:
        self._reads = reads
        self._writes = writes

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        half = self._writes
        while rest:
            async with half.changed:
                while len(half.buffer) >= half.capacity and not half.is_closed:
                    await half.changed.wait()
                if half.is_closed:
                    raise trio.BrokenResourceError
                room = half.capacity - len(half.buffer)
                half.buffer += rest[:room]
                rest = rest[room:]
                half.changed.notify_all()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        half = self._reads
        async with half.changed:
            while not half.buffer and not half.is_closed:
                await half.changed.wait()
            data = bytes(half.buffer[:max_bytes])
            del half.buffer[: len(data)]
            half.changed.notify_all()
            return data

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True):
            for half in (self._reads, self._writes):
                async with half.changed:
                    half.is_closed = True
                    half.changed.notify_all()
        await trio.lowlevel.checkpoint()


def bounded_pipe(to_left_bytes: int, to_right_bytes: int) -> tuple[BoundedPipe, BoundedPipe]:
    """Two ends, left and right, with what the buffer towards each holds."""
    to_left, to_right = _Half(to_left_bytes), _Half(to_right_bytes)
    return BoundedPipe(to_left, to_right), BoundedPipe(to_right, to_left)
