"""What a worker is made of."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.blocks.registry import BlockRegistry
from activities.carry_state import CarryingActivities
from activities.execute_block import BlockActivities
from activities.record_execution import RecordingActivities
from activities.recording import RETRY_FOR, Recording
from activities.reminders import ReminderActivities
from activities.sub_agents import SubAgentActivities, SubAgents
from activities.wait_starts import WaitStarts
from infra import redis
from infra.blobs import open_blob_store
from infra.block_services import BlockServices
from infra.clock import SystemClock
from infra.crypto import KeyRing
from infra.installed_blocks import discover_blocks
from infra.postgres import Database
from infra.settings import Settings, WorkerSettings
from infra.stores.execution_recorder import PostgresExecutionRecorder
from infra.stores.wait_recorder import PostgresWaitRecorder
from infra.temporal.runner import TemporalGraphRunner
from infra.unit_of_work import UnitsOfWork
from models.ports import Clock, NoCredits
from models.value_store import ValueStore
from services.worker.interceptors import WorkerInterceptor
from workflows.registry import WORKFLOWS

HEARTBEAT_THROTTLE = timedelta(seconds=1.5)
"""A cancellation reaches a running block with the answer to a heartbeat; the SDK's default would hold it for 8 s."""

POLLERS = 10


@dataclass(frozen=True, slots=True)
class ActivitySet:
    """The activities of one worker, on their adapters."""

    blocks: BlockActivities
    recording: RecordingActivities
    carrying: CarryingActivities
    reminders: ReminderActivities
    sub_agents: SubAgentActivities


@asynccontextmanager
async def activity_set(
    client: Client,
    settings: Settings,
    *,
    blocks: BlockRegistry | None = None,
    retry_records_for: timedelta = RETRY_FOR,
    clock: Clock | None = None,
) -> AsyncGenerator[ActivitySet]:
    """Opens the adapters and closes them at the end.

    Args:
        blocks: the discovered ones unless given.
        retry_records_for: how long an activity tries to write its record before the workflow takes it along.
        clock: the system's unless given.
    """
    runner = TemporalGraphRunner(client, task_queue=settings.temporal.temporal_task_queue)
    database = Database(settings.postgres, application_name="perdure-worker", ping_before_use=False)
    redis_client = redis.connect(settings.redis)
    keys = KeyRing.parse(settings.encryption.encryption_keys.get_secret_value())
    blobs = open_blob_store(settings.blobs, keys)
    clock = clock or SystemClock()
    block_services = BlockServices(settings.language_model, blobs=blobs, database=database, clock=clock)
    values = ValueStore(blobs)
    recorder = PostgresExecutionRecorder(database)
    events = redis.RedisEventBus(
        redis_client,
        max_length=settings.redis.event_stream_max_length,
        ttl_seconds=settings.redis.event_stream_ttl_seconds,
    )
    recording = Recording(recorder, events, retry_for=retry_records_for)
    waits = PostgresWaitRecorder(database)
    registry = blocks or discover_blocks()
    sub_agents = SubAgents(units=UnitsOfWork(database), blocks=registry, values=values, recorder=recorder)
    try:
        yield ActivitySet(
            blocks=BlockActivities(
                blocks=registry,
                values=values,
                recorder=recorder,
                recording=recording,
                credits=NoCredits(),
                clock=clock,
                services=block_services.services,
                waits=WaitStarts(values=values, waits=waits, sub_agents=sub_agents, clock=clock),
                runner=runner,
            ),
            recording=RecordingActivities(
                recorder=recorder, waits=waits, recording=recording, values=values, runner=runner, clock=clock
            ),
            carrying=CarryingActivities(values=values),
            reminders=ReminderActivities(recording=recording, clock=clock),
            sub_agents=SubAgentActivities(sub_agents=sub_agents, runner=runner),
        )
    finally:
        await block_services.aclose()
        await redis_client.aclose()
        await database.close()


def build_worker(
    client: Client,
    activities: ActivitySet,
    *,
    task_queue: str,
    settings: WorkerSettings,
    workflow_runner: WorkflowRunner | None = None,
) -> Worker:
    """A worker for workflows and ordinary blocks on one task queue, so that activities start eagerly.

    Workflows run outside the SDK's sandbox unless a runner is given: it enters the sandbox anew for every payload,
    which is two fifths of the worker's work in a fan-out. Tests and replays run them in `sandbox()`.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=list(WORKFLOWS),
        activities=[
            activities.blocks.execute_block,
            activities.recording.close_execution,
            activities.recording.record_executions,
            activities.recording.request_cancellation,
            activities.carrying.store_values,
            activities.carrying.load_carried_part,
            activities.reminders.remind_review,
            activities.sub_agents.open_execution,
            activities.sub_agents.find_ended_run,
        ],
        interceptors=[WorkerInterceptor()],
        workflow_runner=workflow_runner or UnsandboxedWorkflowRunner(),
        max_concurrent_activities=settings.worker_max_concurrent_activities,
        max_cached_workflows=settings.worker_max_cached_workflows,
        max_eager_activity_reservations_per_workflow_task=settings.worker_max_eager_activities,
        max_concurrent_workflow_task_polls=POLLERS,
        max_concurrent_activity_task_polls=POLLERS,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_graceful_shutdown_seconds),
    )


def sandbox() -> SandboxedWorkflowRunner:
    """Refuses what is not deterministic (clock, random, I/O) while a workflow runs; our packages pass through."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules("workflows", "activities", "models", "pydantic")
    return SandboxedWorkflowRunner(restrictions=restrictions)
