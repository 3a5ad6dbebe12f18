"""One child of the supervisor: started, its output collected, started again when it dies."""

import asyncio
import contextlib
import signal
from collections import deque
from collections.abc import Callable

from infra.embedded.log_sink import LogSink
from infra.embedded.process import end_child, start_child
from infra.embedded.server import EmbeddedServer, StackError, wait_ready

_FIRST_DELAY_SECONDS = 0.2
_LONGEST_DELAY_SECONDS = 10.0
_STEADY_SECONDS = 30.0
_REMEMBERED_LINES = 40


class SupervisedChild:
    """A server kept alive until `stop`.

    Args:
        on_change: told the new process id, or None, whenever it changes.
    """

    def __init__(
        self,
        server: EmbeddedServer,
        sink: LogSink,
        *,
        on_change: Callable[[str, int | None], None],
        start_seconds: float,
    ) -> None:
        self._server = server
        self._sink = sink
        self._on_change = on_change
        self._start_seconds = start_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._stop_signal = signal.SIGTERM
        self._pump: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._last_lines: deque[str] = deque(maxlen=_REMEMBERED_LINES)

    async def start(self) -> None:
        """Returns when the child is ready.

        Raises:
            StackError: It did not become ready; nothing of it is left running.
        """
        await self._launch()
        self._watcher = asyncio.create_task(self._keep_alive(), name=f"keep {self._server.name}")

    async def stop(self, *, seconds: float) -> None:
        """Ends the child in good order, by force after `seconds`."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
        await self._end(seconds=seconds)

    def kill(self) -> None:
        """Ends the child at once; `stop` still has to be awaited."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _launch(self) -> None:
        server = self._server
        self._last_lines.clear()
        try:
            await server.prepare()
            command = server.command()
            self._stop_signal = command.stop_signal
            self._process = await start_child(command, output=asyncio.subprocess.PIPE)
            self._pump = asyncio.create_task(self._collect(self._process), name=f"output of {server.name}")
            self._on_change(server.name, self._process.pid)
            await wait_ready(server, self._process, seconds=self._start_seconds)
            await server.configure()
        except StackError as error:
            await self._end(seconds=5)
            printed = "\n".join(self._last_lines)
            raise StackError("\n".join(filter(None, (str(error), server.explain_exit(printed) or printed)))) from error
        except OSError as error:
            await self._end(seconds=5)
            raise StackError(f"{server.name} cannot be started: {error}") from error

    async def _keep_alive(self) -> None:
        clock = asyncio.get_running_loop().time
        delay = _FIRST_DELAY_SECONDS
        while True:
            began = clock()
            if self._process is not None:
                code = await self._process.wait()
                await self._end(seconds=0)
                self._say(f"{self._server.name} ended ({_how(code)}); it is started again")
            if clock() - began > _STEADY_SECONDS:
                delay = _FIRST_DELAY_SECONDS
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            try:
                await self._launch()
            except StackError as error:
                self._say(f"{error}; next attempt in {delay:.1f} s")
            else:
                self._say(f"{self._server.name} is back")

    async def _end(self, *, seconds: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        await end_child(process, self._stop_signal, seconds=seconds)
        if self._pump is not None:
            # A grandchild may hold the pipe open a little longer than the child lived.
            await asyncio.wait({self._pump}, timeout=2)
            self._pump.cancel()
        self._on_change(self._server.name, None)

    async def _collect(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := await process.stdout.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self._last_lines.append(text)
        self._sink.write(self._server.name, text)

    def _say(self, message: str) -> None:
        self._sink.write("perdure", message)


def _how(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
