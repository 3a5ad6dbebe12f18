"""The worker of the hand-written workflow: the same activity on the same adapters as the product's worker."""

import asyncio
import os

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from bench.flows import HandWrittenWorkflow
from infra.logging import configure_logging
from infra.settings import Settings
from infra.temporal.client import connect
from services.worker.container import HEARTBEAT_THROTTLE, POLLERS, activity_set


async def serve() -> None:
    settings = Settings()
    configure_logging(settings.app, process="bench")
    client = await connect(settings)
    async with (
        activity_set(client, settings) as activities,
        Worker(
            client,
            task_queue=settings.temporal.temporal_task_queue,
            workflows=[HandWrittenWorkflow],
            activities=[activities.blocks.execute_block],
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=settings.worker.worker_max_concurrent_activities,
            max_eager_activity_reservations_per_workflow_task=settings.worker.worker_max_eager_activities,
            max_concurrent_workflow_task_polls=POLLERS,
            max_concurrent_activity_task_polls=POLLERS,
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    finally:
        os._exit(1)
