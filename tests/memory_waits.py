"""The port WaitRecorder in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.controls import ControlAction, ControlRecord, RunPhase
from models.ids import GraphExecId, NodeExecId
from models.reviews import AwaitedEvent, AwaitedEventStatus, OpenEvent, OpenReview, Review, ReviewStatus
from models.waits import Resolution
from models.wire import RunIdentity

Key = tuple[NodeExecId, int]

_REPLACED = {
    ControlAction.SKIP_NODE: "The node was skipped",
    ControlAction.SET_OUTPUT: "The outputs of the node were set",
}


class MemoryWaitRecorder:
    """Runs in `ended` wait for nothing any more."""

    def __init__(self) -> None:
        self.reviews: dict[Key, Review] = {}
        self.events: dict[Key, AwaitedEvent] = {}
        self.token_hashes: dict[str, Key] = {}
        self.controls: dict[tuple[GraphExecId, str], ControlRecord] = {}
        self.phases: dict[GraphExecId, RunPhase] = {}
        self.ended: set[GraphExecId] = set()

    async def open_review(self, run: RunIdentity, review: OpenReview) -> None:
        key = (review.node_exec_id, review.generation)
        known = self.reviews.get(key)
        if run.graph_exec_id in self.ended or (known and known.status is not ReviewStatus.WAITING):
            return
        self.reviews[key] = Review(
            **run.model_dump(),
            **{name: getattr(review, name) for name in ("node_exec_id", "generation", "node_id", "payload")},
            **{name: getattr(review, name) for name in ("instructions", "editable", "expires_at")},
            status=ReviewStatus.WAITING,
            created_at=known.created_at if known else review.at,
            updated_at=review.at,
        )

    async def open_event(self, run: RunIdentity, event: OpenEvent) -> None:
        key = (event.node_exec_id, event.generation)
        known = self.events.get(key)
        if run.graph_exec_id in self.ended or (known and known.status is not AwaitedEventStatus.WAITING):
            return
        self.events[key] = AwaitedEvent(
            node_exec_id=event.node_exec_id,
            generation=event.generation,
            graph_exec_id=run.graph_exec_id,
            node_id=event.node_id,
            user_id=run.user_id,
            name=event.name,
            payload_schema=event.schema,
            expires_at=event.expires_at,
            status=AwaitedEventStatus.WAITING,
            created_at=known.created_at if known else event.at,
        )
        self.token_hashes = {token: held for token, held in self.token_hashes.items() if held != key}
        self.token_hashes[event.token_hash] = key

    async def end_wait(self, node_exec_id: NodeExecId, generation: int, resolution: Resolution) -> None:
        key, at = (node_exec_id, generation), resolution.at or datetime.now(UTC)
        review, event = self.reviews.get(key), self.events.get(key)
        if review and review.status is ReviewStatus.WAITING:
            approved = resolution.kind == "approved"
            late = "Nobody decided in time" if resolution.kind == "expired" else None
            decision = {
                "status": ReviewStatus.APPROVED if approved else ReviewStatus.REJECTED,
                "review_message": resolution.message or late,
                "reviewed_data": resolution.data if resolution.has_data else None,
                "was_edited": resolution.has_data,
                "decided_by": resolution.by or None,
                "updated_at": at,
                "reviewed_at": at,
            }
            self.reviews[key] = review.model_copy(update=decision)
        if event and event.status is AwaitedEventStatus.WAITING:
            ends = {"event": AwaitedEventStatus.DELIVERED, "expired": AwaitedEventStatus.EXPIRED}
            status = ends.get(resolution.kind, AwaitedEventStatus.ENDED)
            self.events[key] = event.model_copy(update={"status": status})

    async def record_controls(self, run: RunIdentity, controls: Sequence[ControlRecord]) -> None:
        for control in controls:
            if (run.graph_exec_id, control.id) in self.controls:
                continue
            self.controls[run.graph_exec_id, control.id] = control
            if control.action is ControlAction.EXTEND_DEADLINE:
                self._move_deadline(control)
            message = _REPLACED.get(control.action)
            if message is not None:
                end = Resolution(kind="rejected", message=message, by=control.requested_by, at=control.at)
                for id, generation in {*self.reviews, *self.events}:
                    if id == control.node_exec_id:
                        await self.end_wait(id, generation, end)

    def _move_deadline(self, control: ControlRecord) -> None:
        moved = {"expires_at": datetime.fromisoformat(control.details["until"])}
        for key, review in self.reviews.items():
            if key[0] == control.node_exec_id and review.status is ReviewStatus.WAITING:
                self.reviews[key] = review.model_copy(update=moved)
        for key, event in self.events.items():
            if key[0] == control.node_exec_id and event.status is AwaitedEventStatus.WAITING:
                self.events[key] = event.model_copy(update=moved)

    async def record_phase(self, run: RunIdentity, phase: RunPhase) -> None:
        known = self.phases.get(run.graph_exec_id)
        if run.graph_exec_id not in self.ended and (known is None or known.number < phase.number):
            self.phases[run.graph_exec_id] = phase
