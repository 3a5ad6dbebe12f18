"""Reviews as people see and decide them."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, field_validator

from models.reviews import Review, ReviewStatus

MAX_DECISIONS: Final = 1_000
MAX_MESSAGE: Final = 2_000


def _or_empty(value: object) -> object:
    return "" if value is None else value


class ReviewDecisionIn(BaseModel):
    """`reviewed_data`: what the reviewer made of the data; absent or null leaves it as it is.

    `auto_approve_future`: further executions of the same node in this run are approved without asking.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    node_exec_id: Annotated[str, Field(min_length=1, max_length=255)]
    approved: bool
    message: Annotated[str, Field(max_length=MAX_MESSAGE), BeforeValidator(_or_empty)] = ""
    reviewed_data: Any = None
    auto_approve_future: bool = False


class ReviewActionIn(BaseModel):
    """Decisions about reviews of one run: all are taken, or none."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    reviews: Annotated[list[ReviewDecisionIn], FailFast(), Field(max_length=MAX_DECISIONS)]

    @field_validator("reviews")
    @classmethod
    def _check_distinct(cls, reviews: list[ReviewDecisionIn]) -> list[ReviewDecisionIn]:
        ids = [review.node_exec_id for review in reviews]
        if len(set(ids)) < len(ids):
            raise ValueError("a review is decided more than once")
        return reviews


class ReviewActionOut(BaseModel):
    approved_count: int
    rejected_count: int
    failed_count: int = 0
    error: str | None = None


class ReviewOut(BaseModel):
    """A review. `payload` is what it is about, as the reviewer has left it; `processed`: it is decided."""

    node_exec_id: str
    node_id: str
    user_id: str
    graph_exec_id: str
    graph_id: str
    graph_version: int
    payload: Any
    instructions: str
    editable: bool
    status: ReviewStatus
    review_message: str | None
    was_edited: bool | None
    processed: bool
    decided_by: str | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    reviewed_at: datetime | None


def review_out(review: Review, payload: object) -> ReviewOut:
    return ReviewOut(
        **review.model_dump(exclude={"payload", "reviewed_data", "generation"}),
        payload=payload,
        processed=review.status is not ReviewStatus.WAITING,
    )
