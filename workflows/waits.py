"""Node executions that wait for time, people or events, without an activity meanwhile."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.reminders import ReminderActivities
    from models.execution import ExecutionStatus
    from models.ids import NodeExecId
    from models.values import Values, total_inline_bytes
    from models.waits import ChildWait, EventWait, Resolution, ReviewWait, TimerWait, Wait
    from models.wire import BlockOutputItem, BlockWaiting, RemindReviewInput
    from workflows import options
    from workflows.alarms import Alarms
    from workflows.node_state import Firing, dump_firing, load_firing
    from workflows.run_state import RunState

_WAIT: TypeAdapter[Wait] = TypeAdapter(Wait)


@dataclass(slots=True)
class Parked:
    """A node execution that waits.

    Attributes:
        attempt: the attempt that began the wait.
        ticked: ticks of a timer so far, since its deadline was last changed.
        ticked_before: ticks before that.
        reminded: reminders sent so far.
        resolution: how the wait ended, once it has; the node execution goes on as soon as the run may dispatch.
    """

    exec_id: NodeExecId
    firing: Firing
    wait: Wait
    attempt: int
    queued_at: datetime
    tick_outputs: tuple[BlockOutputItem, ...] = ()
    ticked: int = 0
    ticked_before: int = 0
    reminded: int = 0
    resolution: Resolution | None = None


class Waits:
    """What is parked, and the alarms that end it."""

    def __init__(self, state: RunState, alarms: Alarms) -> None:
        self._state = state
        self._alarms = alarms
        self._parked: dict[NodeExecId, Parked] = {}
        self.resolved: deque[NodeExecId] = deque()
        self._open_reviews = 0
        self._reminders = 0

    def __len__(self) -> int:
        return len(self._parked)

    def find(self, exec_id: NodeExecId) -> Parked | None:
        return self._parked.get(exec_id)

    @property
    def has_reviews(self) -> bool:
        """Somebody has to decide."""
        return self._open_reviews > 0

    def park(self, exec_id: NodeExecId, firing: Firing, waiting: BlockWaiting, queued_at: datetime) -> Parked:
        parked = Parked(exec_id, firing, waiting.wait, waiting.attempt, queued_at, waiting.tick_outputs)
        self._add(parked)
        if isinstance(parked.wait, ReviewWait | EventWait):
            self._state.flow.release(firing.node_id, firing.number)
        self.set_alarm(parked)
        return parked

    def set_alarm(self, parked: Parked) -> None:
        due = _next_due(parked)
        if due is not None and parked.resolution is None:
            self._alarms.set(parked.exec_id, due, summary=self._state.flow.plan_of(parked.firing.node_id).title)
        else:
            self._alarms.clear(parked.exec_id)

    def resolve(self, parked: Parked, resolution: Resolution) -> None:
        """The wait has ended; the node execution is to go on."""
        self._open_reviews -= _is_open_review(parked)
        parked.resolution = resolution
        self._alarms.clear(parked.exec_id)
        self.resolved.append(parked.exec_id)

    def take_resolved(self) -> Parked:
        return self._parked.pop(self.resolved.popleft())

    def take(self, exec_id: NodeExecId) -> Parked:
        """Ends a wait from outside; the caller decides what becomes of the node execution."""
        self._alarms.clear(exec_id)
        if exec_id in self.resolved:
            self.resolved.remove(exec_id)
        parked = self._parked.pop(exec_id)
        self._open_reviews -= _is_open_review(parked)
        return parked

    def take_all(self) -> list[Parked]:
        return [self.take(exec_id) for exec_id in list(self._parked)]

    def ring(self, key: str) -> bool:
        """An alarm has rung; False if it was not one of ours."""
        parked = self._parked.get(NodeExecId(key))
        if parked is None:
            return False
        if isinstance(parked.wait, TimerWait):
            self._tick(parked, parked.wait)
        else:
            self._remind_or_expire(parked)
        return True

    def find_event(self, name: str) -> Parked | None:
        """The node execution that has waited longest for an event of this name."""
        for parked in self._parked.values():
            if isinstance(parked.wait, EventWait) and parked.wait.name == name and parked.resolution is None:
                return parked
        return None

    def iter_children(self) -> Iterator[tuple[Parked, ChildWait]]:
        for parked in self._parked.values():
            if isinstance(parked.wait, ChildWait):
                yield parked, parked.wait

    def iter_inputs(self) -> Iterator[Values]:
        for parked in self._parked.values():
            yield parked.firing.received

    def _add(self, parked: Parked) -> None:
        self._parked[parked.exec_id] = parked
        self._open_reviews += _is_open_review(parked)

    # --- alarms -------------------------------------------------------------------------------------------------

    def _tick(self, parked: Parked, wait: TimerWait) -> None:
        firing, flow = parked.firing, self._state.flow
        parked.ticked += 1
        if parked.ticked < wait.count:
            flow.emit(firing.node_id, firing.number, parked.tick_outputs)
            self.set_alarm(parked)
            return
        del self._parked[parked.exec_id]
        record = self._state.record_of(firing, ExecutionStatus.COMPLETED, parked.queued_at)
        outputs = tuple((item.pin, item.value) for item in parked.tick_outputs)
        size = max(1, total_inline_bytes(value for _, value in outputs))
        outputs *= min(parked.ticked_before + wait.count, 1 + options.MAX_TIMER_RECORD_BYTES // size)
        self._state.report.add_ended(seconds=0.0, cost=0, unrecorded=record.model_copy(update={"outputs": outputs}))
        flow.complete(firing.node_id, firing.number, parked.tick_outputs)

    def _remind_or_expire(self, parked: Parked) -> None:
        wait = parked.wait
        now = workflow.now()
        if isinstance(wait, ReviewWait) and (wait.expires_at is None or now < wait.expires_at):
            parked.reminded += 1
            self._remind(parked)
            self.set_alarm(parked)
            return
        self.resolve(parked, Resolution(kind=_on_expiry(wait), message=options.EXPIRED_MESSAGE, at=now))

    def _remind(self, parked: Parked) -> None:
        handle = workflow.start_activity_method(
            ReminderActivities.remind_review,
            RemindReviewInput(
                run=self._state.run,
                node_exec_id=parked.exec_id,
                generation=parked.firing.generation,
                number=parked.reminded,
            ),
            **options.REMIND,
        )
        self._reminders += 1
        handle.add_done_callback(self._reminded)

    def _reminded(self, handle: "asyncio.Future[None]") -> None:
        """A reminder that could not be sent is no reason to stop."""
        self._reminders -= 1
        if not handle.cancelled():
            handle.exception()

    @property
    def is_reminding(self) -> bool:
        return self._reminders > 0

    # --- from one run of the workflow to the next ---------------------------------------------------------------

    def dump(self) -> list[Any]:
        return [
            {
                "exec_id": parked.exec_id,
                "firing": dump_firing(parked.firing),
                "wait": parked.wait.model_dump(mode="json"),
                "attempt": parked.attempt,
                "queued_at": parked.queued_at.isoformat(),
                "tick_outputs": [item.model_dump(mode="json", exclude_unset=True) for item in parked.tick_outputs],
                "ticked": parked.ticked,
                "ticked_before": parked.ticked_before,
                "reminded": parked.reminded,
                "resolution": parked.resolution.model_dump(mode="json") if parked.resolution else None,
            }
            for parked in self._parked.values()
        ]

    def load(self, dumped: list[Any]) -> None:
        """Takes up what waited before continue-as-new; alarms are set for the same points in time."""
        for item in dumped:
            parked = Parked(
                exec_id=NodeExecId(item["exec_id"]),
                firing=load_firing(*item["firing"]),
                wait=_WAIT.validate_python(item["wait"]),
                attempt=item["attempt"],
                queued_at=datetime.fromisoformat(item["queued_at"]),
                tick_outputs=tuple(BlockOutputItem.model_validate(output) for output in item["tick_outputs"]),
                ticked=item["ticked"],
                ticked_before=item["ticked_before"],
                reminded=item["reminded"],
                resolution=Resolution.model_validate(item["resolution"]) if item["resolution"] else None,
            )
            self._add(parked)
            if parked.resolution is not None:
                self.resolved.append(parked.exec_id)
            else:
                self.set_alarm(parked)


def _next_due(parked: Parked) -> datetime | None:
    wait = parked.wait
    if isinstance(wait, TimerWait):
        return wait.fires_at + timedelta(seconds=wait.every_seconds * parked.ticked)
    if isinstance(wait, ReviewWait):
        reminders = wait.remind_at[parked.reminded :]
        return min([*reminders[:1], *([wait.expires_at] if wait.expires_at else [])], default=None)
    return wait.expires_at if isinstance(wait, EventWait) else None


def _is_open_review(parked: Parked) -> bool:
    return isinstance(parked.wait, ReviewWait) and parked.resolution is None


def _on_expiry(wait: Wait) -> Literal["approved", "rejected", "expired"]:
    if isinstance(wait, ReviewWait) and wait.on_expiry != "fail":
        return "approved" if wait.on_expiry == "approve" else "rejected"
    return "expired"
