"""A worker with the sample blocks as its own process, so that tests can kill it: `python -m tests.worker_process`."""

import asyncio
import os

from infra.settings import Settings
from infra.temporal.client import connect
from services.worker.container import activity_set, build_worker
from tests.sample_blocks import sample_registry


async def serve() -> None:
    settings = Settings()
    client = await connect(settings)
    async with (
        activity_set(client, settings, blocks=sample_registry()) as activities,
        build_worker(client, activities, task_queue=settings.temporal.temporal_task_queue, settings=settings.worker),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    finally:
        os._exit(1)
