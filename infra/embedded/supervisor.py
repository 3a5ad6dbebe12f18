"""Runs a local stack: starts its parts in order, keeps them alive, ends them in order."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterable

from infra.dev_access import ensure_dev_api_key
from infra.embedded.home import StackHome
from infra.embedded.local_stack import LocalStack
from infra.embedded.log_sink import LogSink
from infra.embedded.orphans import end_orphans
from infra.embedded.server import StackError
from infra.embedded.stack import (
    Phase,
    ProcessIds,
    ProcessRef,
    RunningStack,
    StackState,
    find_state,
    write_state,
)
from infra.embedded.stack_secrets import DEVELOPER_ID
from infra.embedded.supervised import SupervisedChild
from infra.migrate import upgrade_database
from infra.temporal.namespace import prepare_namespace
from models.errors import AppError

_START_SECONDS = 90.0
_PORT_ATTEMPTS = 3
# A worker lets running blocks end for 30 seconds; servers write their data to disk.
_OWN_STOP_SECONDS = 40.0
_SERVER_STOP_SECONDS = 20.0


class Supervisor:
    """One run of a stack. The caller holds the lock of the folder."""

    def __init__(self, home: StackHome, stack: LocalStack, sink: LogSink) -> None:
        self._home = home
        self._stack = stack
        self._sink = sink
        self._children: dict[str, SupervisedChild] = {}
        self._stop = asyncio.Event()
        own = ProcessRef.of(os.getpid())
        assert own is not None
        self._state = StackState(phase=Phase.STARTING, supervisor=own)

    async def run(self, on_ready: Callable[[RunningStack], None]) -> None:
        """Returns after SIGINT, SIGTERM or SIGHUP, when all parts have ended; a second signal ends them by force.

        Raises:
            StackError: A part could not be started; nothing is left running.
        """
        self._listen_to_signals()
        left = find_state(self._home)
        if left is not None:
            await end_orphans(left, say=self._say)
        self._write_state()
        try:
            await self._until_stopped(self._start_all(on_ready))
        except BaseException as error:
            await self._drain()
            self._state = self._state.model_copy(update={"phase": Phase.FAILED, "error": str(error)})
            self._write_state()
            raise
        await self._drain()
        self._home.state_file.unlink(missing_ok=True)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            for child in self._children.values():
                child.kill()
        self._stop.set()

    async def _until_stopped(self, starting: Coroutine[None, None, None]) -> None:
        start = asyncio.create_task(starting, name="start")
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not self._stop.is_set():
                await start
                await stop
        finally:
            for task in (start, stop):
                task.cancel()
            await asyncio.gather(start, stop, return_exceptions=True)

    async def _start_all(self, on_ready: Callable[[RunningStack], None]) -> None:
        await self._start_parts(self._stack.servers)
        try:
            await upgrade_database(self._stack.database_url)
            await ensure_dev_api_key(self._stack.database_url, user_id=DEVELOPER_ID, raw_key=self._stack.dev_api_key)
        except AppError as error:
            raise StackError(f"The database could not be prepared: {error.message}") from error
        try:
            await prepare_namespace(self._stack.temporal_settings)
        except AppError as error:
            raise StackError(f"Temporal could not be prepared: {error.message}") from error
        await self._start_parts(("worker", "gateway"))
        running = self._stack.describe()
        self._state = self._state.model_copy(
            update={"phase": Phase.RUNNING, "stack": running, "environment": self._stack.environment()}
        )
        self._write_state()
        on_ready(running)

    async def _start_parts(self, names: Iterable[str]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(self._start_part(name), name=f"start {name}")
        except ExceptionGroup as errors:
            found, others = errors.split(StackError)
            if found is None or others is not None:
                raise
            raise found.exceptions[0] from None

    async def _start_part(self, name: str) -> None:
        for attempts_left in reversed(range(_PORT_ATTEMPTS)):
            child = SupervisedChild(
                self._stack.build(name), self._sink, on_change=self._on_child_change, start_seconds=_START_SECONDS
            )
            self._children[name] = child
            try:
                await child.start()
            except StackError:
                if attempts_left == 0 or not self._stack.replace_taken_ports(name):
                    raise
            else:
                return

    async def _drain(self) -> None:
        self._state = self._state.model_copy(update={"phase": Phase.STOPPING})
        self._write_state()
        own = [child for name, child in self._children.items() if name not in self._stack.servers]
        servers = [child for name, child in self._children.items() if name in self._stack.servers]
        await asyncio.gather(*(child.stop(seconds=_OWN_STOP_SECONDS) for child in own))
        await asyncio.gather(*(child.stop(seconds=_SERVER_STOP_SECONDS) for child in servers))

    def _on_child_change(self, name: str, pid: int | None) -> None:
        children = dict(self._state.children)
        found = ProcessRef.of(pid) if pid is not None else None
        if found is None:
            children.pop(name, None)
        else:
            children[name] = found
        self._state = self._state.model_copy(update={"children": children})
        self._write_state()

    def _write_state(self) -> None:
        stack = self._state.stack
        if stack is not None:
            pids = {name: child.pid for name, child in self._state.children.items()}
            stack = stack.model_copy(update={"processes": ProcessIds.model_validate(pids)})
            self._state = self._state.model_copy(update={"stack": stack})
        try:
            write_state(self._home, self._state)
        except OSError as error:
            self._say(f"cannot write {self._home.state_file}: {error}")

    def _say(self, message: str) -> None:
        self._sink.write("perdure", message)
