"""Running the local stack in this process."""

import asyncio
from collections.abc import Callable

from infra.embedded.home import StackHome
from infra.embedded.local_stack import LocalStack
from infra.embedded.log_sink import LogSink
from infra.embedded.stack import RunningStack
from infra.embedded.stack_secrets import ensure_secrets
from infra.embedded.supervisor import Supervisor
from infra.settings import Settings


def supervise(folder: StackHome, *, port: int | None, quiet: bool, on_ready: Callable[[RunningStack], None]) -> None:
    """Returns when the stack has ended. The caller holds the lock of the folder.

    Raises:
        StackError: It could not be started.
    """
    with LogSink(folder.logs, to_terminal=not quiet) as sink:
        stack = LocalStack(
            folder,
            Settings(),
            ensure_secrets(folder),
            gateway_port=port,
            say=lambda line: sink.write("perdure", line),
        )
        asyncio.run(Supervisor(folder, stack, sink).run(on_ready))
