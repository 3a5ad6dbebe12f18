"""Reviews: what waits for a decision, and deciding it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from models.controls import ControlAction, ReviewDecision, ReviewDecisions
from models.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    ServiceUnavailableError,
)
from models.ids import GraphExecId, NodeExecId
from models.json_values import dump_json
from models.pages import Page, PageRequest
from models.reviews import Review, ReviewStatus
from models.users import User
from models.value_store import ValueStore
from models.values import Value
from models.waits import Resolution
from services.gateway.container import Container
from services.gateway.features.reviews.schemas import (
    ReviewActionIn,
    ReviewActionOut,
    ReviewDecisionIn,
    ReviewOut,
    review_out,
)
from services.gateway.json_bodies import check_limits
from services.gateway.open_runs import get_open_run, get_run, request_id
from services.gateway.recorded_values import PAGE_BYTES, ValueReader, value_bytes

MAX_DATA_BYTES: Final = 1024 * 1024
MAX_DATA_DEPTH: Final = 10
MAX_ARGUMENT_BYTES: Final = 1024 * 1024
"""All decisions of a request are one message to the execution."""

INLINE_DATA_BYTES: Final = 256 * 1024

_log = structlog.get_logger(__name__)


class ReviewService:
    """Opens its own short units of work: nobody may hold a connection while an execution is asked."""

    def __init__(self, container: Container) -> None:
        self._units = container.units
        self._values = ValueStore(container.blobs)
        self._runner = container.runner
        self._waits = container.waits
        self._clock = container.clock

    async def list_waiting(self, user: User, page: PageRequest) -> Page[ReviewOut]:
        """Newest first."""
        async with self._units() as unit:
            found = await unit.reviews.list_waiting(user.id, page)
        return await self._shown(found)

    async def list_of_execution(self, user: User, graph_exec_id: GraphExecId, page: PageRequest) -> Page[ReviewOut]:
        """Oldest first, decided ones too. Raises NotFoundError."""
        async with self._units() as unit:
            run = await get_run(unit, user.id, graph_exec_id)
            found = await unit.reviews.list_of_execution(user.id, run.id, page)
        return await self._shown(found)

    async def decide(self, user: User, given: ReviewActionIn, *, key: str | None) -> ReviewActionOut:
        """Takes all decisions, or none.

        Raises:
            InvalidRequestError: there are none, data is too deep, or a review cannot be edited.
            NotFoundError: a review is not there, or somebody else's.
            ConflictError: the reviews are of several runs, one is decided already, or the run has ended.
            PayloadTooLargeError
        """
        if not given.reviews:
            raise InvalidRequestError("There are no reviews to decide. Name at least one.")
        for decision in given.reviews:
            _check_data(decision)
        reviews = await self._find(user, given.reviews, repeated=key is not None)
        graph_exec_id = reviews[0].graph_exec_id
        argument = ReviewDecisions(decisions=await self._pack(given.reviews, graph_exec_id), requested_by=user.id)
        size = len(argument.model_dump_json())
        if size > MAX_ARGUMENT_BYTES:
            raise PayloadTooLargeError(
                f"The decisions have {size} bytes; the limit is {MAX_ARGUMENT_BYTES}. Send them in several requests."
            )
        action = ControlAction.DECIDE_REVIEW
        await self._runner.control(
            graph_exec_id,
            owner_key_id=user.key_id,
            action=action,
            argument=argument,
            request_id=request_id(user.id, action, given, key=key),
        )
        await self._record(user, reviews, argument.decisions, at=self._clock.now())
        approved = sum(decision.approved for decision in given.reviews)
        return ReviewActionOut(approved_count=approved, rejected_count=len(given.reviews) - approved)

    async def _find(self, user: User, decisions: Sequence[ReviewDecisionIn], *, repeated: bool) -> list[Review]:
        """The reviews in the order of the decisions. A repeated request may find them decided: by itself."""
        async with self._units() as unit:
            latest = await unit.reviews.list_latest(user.id, [NodeExecId(d.node_exec_id) for d in decisions])
            found = {review.node_exec_id: review for review in latest}
            missing = next((d.node_exec_id for d in decisions if NodeExecId(d.node_exec_id) not in found), None)
            if missing is not None:
                raise NotFoundError(f"Review #{missing} not found or access denied.")
            reviews = [found[NodeExecId(decision.node_exec_id)] for decision in decisions]
            if len({review.graph_exec_id for review in reviews}) > 1:
                raise ConflictError("The reviews are of several executions. Decide those of each one together.")
            await get_open_run(unit, user.id, reviews[0].graph_exec_id, repeated=repeated)
        for review, decision in zip(reviews, decisions, strict=True):
            if review.status is not ReviewStatus.WAITING and not repeated:
                raise ConflictError(f"Review #{review.node_exec_id} is {review.status} already.")
            if decision.reviewed_data is not None and not review.editable:
                raise InvalidRequestError(f"Review #{review.node_exec_id} cannot be edited. Leave `reviewed_data` out.")
        return reviews

    async def _pack(
        self, decisions: Sequence[ReviewDecisionIn], graph_exec_id: GraphExecId
    ) -> tuple[ReviewDecision, ...]:
        edited = {d.node_exec_id: d.reviewed_data for d in decisions if d.reviewed_data is not None}
        packed = await self._values.pack_all(edited, graph_exec_id=graph_exec_id, inline_budget_bytes=INLINE_DATA_BYTES)
        return tuple(
            ReviewDecision(
                node_exec_id=NodeExecId(decision.node_exec_id),
                approved=decision.approved,
                message=decision.message,
                data=packed.get(decision.node_exec_id),
                auto_approve_future=decision.auto_approve_future,
            )
            for decision in decisions
        )

    async def _record(
        self, user: User, reviews: Sequence[Review], decisions: Sequence[ReviewDecision], *, at: datetime
    ) -> None:
        """Shows what was decided at once. The worker records it too, so nothing here may fail the request."""
        try:
            for review, decision in zip(reviews, decisions, strict=True):
                await self._waits.end_wait(review.node_exec_id, review.generation, _resolution(user, decision, at))
        except ServiceUnavailableError as error:
            _log.warning("decision not recorded yet", reason=error.message)

    async def _shown(self, found: Page[Review]) -> Page[ReviewOut]:
        reader = ValueReader(self._values)
        payloads = await reader.sequence(_within_page([_latest(review) for review in found.items]))
        items = [review_out(review, payload) for review, payload in zip(found.items, payloads, strict=True)]
        return Page(items=tuple(items), total_items=found.total_items)


def _within_page(values: Sequence[Value]) -> list[Value]:
    """The values, with a note instead of those that would make the answer too large."""
    shown: list[Value] = []
    left = PAGE_BYTES
    for value in values:
        size = value_bytes(value)
        left -= size
        shown.append(value if left >= 0 else Value(inline=f"({size} bytes; read the reviews in smaller pages)"))
    return shown


def _latest(review: Review) -> Value:
    return review.payload if review.reviewed_data is None else review.reviewed_data


def _resolution(user: User, decision: ReviewDecision, at: datetime) -> Resolution:
    return Resolution(
        kind="approved" if decision.approved else "rejected",
        data=decision.data,
        has_data=decision.data is not None,
        message=decision.message,
        by=user.id,
        at=at,
    )


def _check_data(decision: ReviewDecisionIn) -> None:
    where = f"the reviewed data of {decision.node_exec_id[:100]!r}"
    check_limits(decision.reviewed_data, where=where, max_depth=MAX_DATA_DEPTH)
    size = len(dump_json(decision.reviewed_data))
    if size > MAX_DATA_BYTES:
        raise PayloadTooLargeError(f"The reviewed data has {size} bytes; the limit is {MAX_DATA_BYTES}.")
