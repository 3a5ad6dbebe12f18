"""What is said about a graph that is checked without being saved."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

from models.errors import GraphValidationError, InvalidRequestError
from models.ids import NodeId

NodeErrors = dict[str, dict[str, str]]
"""Node id -> field -> message."""


class RunReadinessOut(BaseModel):
    """Whether a run could start, given values for the inputs that the graph asks for."""

    ready: bool
    message: str
    node_errors: NodeErrors = Field(default_factory=dict[str, dict[str, str]])


class ValidationWarningOut(BaseModel):
    """Something that neither saving nor running refuses, and that is hardly meant."""

    node_id: str
    message: str


class ValidationOut(BaseModel):
    """`valid`: saving the graph would succeed."""

    valid: bool
    message: str
    node_errors: NodeErrors = Field(default_factory=dict[str, dict[str, str]])
    run: RunReadinessOut
    warnings: list[ValidationWarningOut] = Field(default_factory=list[ValidationWarningOut])


def refused_out(error: InvalidRequestError) -> ValidationOut:
    node_errors = error.node_errors if isinstance(error, GraphValidationError) else {}
    run = RunReadinessOut(ready=False, message="A graph that cannot be saved cannot run.")
    return ValidationOut(valid=False, message=error.user_message, node_errors=node_errors, run=run)


def valid_out(
    unreachable: Mapping[NodeId, Sequence[str]], *, not_ready: GraphValidationError | None = None
) -> ValidationOut:
    if not_ready is None:
        run = RunReadinessOut(ready=True, message="The graph can run.")
    else:
        run = RunReadinessOut(ready=False, message=not_ready.user_message, node_errors=not_ready.node_errors)
    warnings = [
        ValidationWarningOut(
            node_id=node_id,
            message=f"This node can never run: nothing can reach its {_pins(pins)}. Link it, or remove it.",
        )
        for node_id, pins in unreachable.items()
    ]
    return ValidationOut(valid=True, message="The graph can be saved.", run=run, warnings=warnings)


def _pins(pins: Sequence[str]) -> str:
    return ("pin " if len(pins) == 1 else "pins ") + ", ".join(map(repr, pins))
