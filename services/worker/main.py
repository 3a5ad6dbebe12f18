"""The worker process: `python -m services.worker.main`."""

import asyncio
import os
import signal
import sys

import structlog

from infra.logging import configure_logging
from infra.settings import Settings, settings_of_process
from infra.temporal.client import connect
from models.errors import AppError
from services.worker.container import activity_set, build_worker

_log = structlog.get_logger(__name__)


async def serve(settings: Settings) -> None:
    """Works until SIGINT or SIGTERM; then running blocks get the graceful shutdown time to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    client = await connect(settings)
    async with activity_set(client, settings) as activities:
        task_queue = settings.temporal.temporal_task_queue
        async with build_worker(client, activities, task_queue=task_queue, settings=settings.worker):
            _log.info("worker ready", task_queue=task_queue, temporal=settings.temporal.temporal_address)
            if settings.worker.worker_ready_file:
                await asyncio.to_thread(settings.worker.worker_ready_file.touch)
            await stop.wait()
            _log.info("worker is draining")
    _log.info("worker stopped")


def main() -> None:
    """Ends by os._exit: the interpreter's finalisation crashes now and then with Temporal's native threads."""
    settings = settings_of_process()
    configure_logging(settings.app, process="worker")
    code = 0
    try:
        asyncio.run(serve(settings))
    except AppError as error:
        _log.error("worker cannot start", error=error.message)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
