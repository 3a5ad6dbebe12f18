"""`client.reviews`."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from perdure_client._async.transport import AsyncTransport
from perdure_client._request import Page, Request, given, one, page_of, path_of
from perdure_client.models import Review, ReviewAction


class AsyncReviewsCalls:
    """What waits for a person's decision."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def pending(self, *, page: int = 1, page_size: int = 25) -> Page[Review]:
        """What waits for you, newest first. Pages count from 1 and have at most 100."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "review", "pending"),
                params=given(page=page, page_size=page_size),
                read=page_of(Review),
                repeatable=True,
            )
        )

    async def of_execution(self, execution_id: str, *, page: int = 1, page_size: int = 250) -> Page[Review]:
        """Reviews of a run, oldest first, decided ones too. Raises NotFound."""
        return await self._transport.call(
            Request(
                method="GET",
                path=path_of("api", "review", "execution", execution_id),
                params=given(page=page, page_size=page_size),
                read=page_of(Review),
                repeatable=True,
            )
        )

    async def approve(
        self, node_exec_id: str, *, message: str = "", data: Any = None, auto_approve_future: bool = False
    ) -> ReviewAction:
        """Approves a review, `data` being what is made of its payload. Raises as `decide` does.

        Args:
            node_exec_id: the node execution that waits.
            message: for whoever reads the outcome; at most 2 000 characters.
            data: None leaves the payload as it is.
            auto_approve_future: further executions of the same node in this run are approved without asking.
        """
        decision = {"message": message, "reviewed_data": data, "auto_approve_future": auto_approve_future}
        return await self.decide([{"node_exec_id": node_exec_id, "approved": True, **decision}])

    async def reject(self, node_exec_id: str, *, message: str = "", data: Any = None) -> ReviewAction:
        """Rejects a review. Raises as `decide` does."""
        decision = {"message": message, "reviewed_data": data}
        return await self.decide([{"node_exec_id": node_exec_id, "approved": False, **decision}])

    async def decide(self, decisions: Sequence[Mapping[str, Any]]) -> ReviewAction:
        """Takes decisions about reviews of one run: all, or none. Sent again after a lost answer, it is done once.

        Args:
            decisions: each has `node_exec_id` and `approved`, and may have `message`, `reviewed_data` and
                `auto_approve_future`.

        Raises:
            NotFound: a review is not there.
            Conflict: one is decided already, they are of several runs, or the run has ended.
            ValidationFailed: a review cannot be edited, or the data is too large.
        """
        return await self._transport.call(
            Request(
                method="POST",
                path=path_of("api", "review", "action"),
                body={"reviews": [dict(decision) for decision in decisions]},
                headers={"Idempotency-Key": str(uuid4())},
                read=one(ReviewAction),
                repeatable=True,
            )
        )
