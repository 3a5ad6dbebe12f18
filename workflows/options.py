"""Time limits, retries and budgets of the engine, each with its reason."""

from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from models.plan import PlanNode

HEARTBEAT_TIMEOUT: Final = timedelta(seconds=10)
"""A killed worker is noticed this soon. Every block is wrapped by a heartbeat, so no block needs longer."""

RECORDING_MARGIN: Final = timedelta(seconds=75)
"""After a block has ended, its record is tried for up to 60 s; the activity must not time out meanwhile."""

MAX_CRASHES: Final = 20
"""Attempts lost to dying workers before a node execution counts as failed: a block that kills its worker each time
must not do so for ever. Attempts that failed by themselves are limited by the node's own retry policy."""

MAX_IN_FLIGHT: Final = 500
"""Node executions scheduled at a time: the server holds at most 2 000 pending activities per workflow."""

MAX_COMMAND_BYTES: Final = 1024 * 1024
"""Inline payload in the commands of one activation: a workflow task completion may have 4 MiB."""

MAX_INPUT_BYTES: Final = 1536 * 1024
"""Inline payload of one node execution: a Temporal payload may have 2 MiB, and fails the run beyond."""

RECORD_FROM_BYTES: Final = 64 * 1024
"""Records that no activity could write are handed over from this size on, so that the state does not grow with them."""

MAX_RECORDING_BYTES: Final = 1024 * 1024
"""Records in one recording or closing activity."""

STOP_GRACE: Final = timedelta(seconds=30)
"""How long a stopped execution lets running blocks finish before it cancels them."""

FORCE_CONTINUE_AS_NEW_EVENTS: Final = 20_000
"""From this history length on nothing is dispatched until the execution is quiet and can continue as new; the server
ends a workflow at 51 200 events."""

FORCE_CONTINUE_AS_NEW_BYTES: Final = 8 * 1024 * 1024
"""The same for the size of the history. The server ends a workflow at 50 MiB; what is in flight comes on top, and the
values that wait are written into the history once more when they are moved to the blob store."""

MAX_CARRIED_BYTES: Final = 1024 * 1024
"""State larger than this goes to the blob store before continue-as-new."""

MAX_START_BYTES: Final = 1900 * 1024
"""The plan, the inputs and the carried state of a new run together: a Temporal payload may have 2 MiB."""

WORTH_STORING_BYTES: Final = 512
"""Waiting values from this size on become references when the state is too large; a reference takes some 250 bytes."""

EVENTS_BETWEEN_LOADS: Final = 500
"""A run that began by loading a large state makes at least this many events before it continues as new."""

CARRIED_PART_BYTES: Final = 1024 * 1024
"""Piece of a large state in one activity."""

RECORD_RETRY: Final = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
"""Unlimited: an execution is not over before it is recorded, however long Postgres is away."""


def of_record(summary: str) -> ActivityConfig:
    """Writing and reading records: the workflow never gives up on them, and no cancellation interrupts them."""
    return ActivityConfig(
        start_to_close_timeout=timedelta(minutes=5),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RECORD_RETRY,
        cancellation_type=ActivityCancellationType.ABANDON,
        summary=summary,
    )


REMIND: Final = ActivityConfig(
    start_to_close_timeout=timedelta(minutes=1),
    retry_policy=RetryPolicy(maximum_attempts=3),
    cancellation_type=ActivityCancellationType.ABANDON,
)
"""A reminder that is late is worth nothing: three attempts."""

ASK_CHILDREN_EVERY: Final = timedelta(days=1)
"""A child reports its end by itself; should the report be lost, it is missed this long at most."""

MAX_WAITS: Final = 2_000
"""Node executions of one run that wait at a time: each holds its inputs in the state of the run."""

MAX_PINNED_PER_ACTIVATION: Final = 200
"""Pinned nodes need no activity; a loop of them must not keep one workflow task for ever."""

MAX_UPDATES: Final = 1_500
"""Of one run of the workflow, which then continues as new: the server takes 2 000."""

MAX_SIGNALS: Final = 8_000
"""The same for signals, of which the server takes 10 000."""

MAX_REMEMBERED_ANSWERS: Final = 200
"""Answers to updates that are carried to the next run of the workflow, for requests that come again."""

MAX_TIMER_RECORD_BYTES: Final = 256 * 1024
"""What a timer has emitted is shown up to here; what it emits is routed in any case."""

EXPIRED_MESSAGE: Final = "Nobody decided in time."


def of_block(node: PlanNode, timeout_seconds: float) -> ActivityConfig:
    """How one node execution is scheduled."""
    return ActivityConfig(
        start_to_close_timeout=timedelta(seconds=timeout_seconds) + RECORDING_MARGIN,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=node.retry.initial_seconds),
            backoff_coefficient=node.retry.backoff,
            maximum_interval=timedelta(seconds=max(node.retry.max_seconds, node.retry.initial_seconds)),
            maximum_attempts=node.retry.max_attempts + MAX_CRASHES,
        ),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=node.title,
    )
