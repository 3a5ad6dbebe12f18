"""What a query can ask of a run: the fields, what people may call them, and which operators each takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, get_args

from models.execution import ExecutionStatus, Trigger


class Operator(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="
    CONTAINS = "~"


class Kind(StrEnum):
    """What values a field has."""

    CHOICE = "one of a few words"
    TEXT = "text"
    NUMBER = "a whole number"
    TIME = "a time"
    DURATION = "a duration"


MAX_NUMBER: Final = 2_147_483_647

_ORDER: Final = (Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST)
_EQUALITY: Final = (Operator.EQUAL, Operator.UNEQUAL)

OPERATORS: Final[Mapping[Kind, tuple[Operator, ...]]] = {
    Kind.CHOICE: _EQUALITY,
    Kind.TEXT: (*_EQUALITY, Operator.CONTAINS),
    Kind.NUMBER: (*_EQUALITY, *_ORDER),
    Kind.TIME: (*_EQUALITY, *_ORDER),
    Kind.DURATION: _ORDER,
}
LISTABLE: Final = frozenset({Kind.CHOICE, Kind.TEXT, Kind.NUMBER})
"""Kinds whose fields take `IN (...)`."""


class Field(StrEnum):
    ID = "id"
    GRAPH_ID = "graph_id"
    GRAPH_VERSION = "graph_version"
    NAME = "name"
    STATUS = "status"
    TRIGGER = "trigger"
    PRESET_ID = "preset_id"
    PARENT = "parent"
    CREATED = "created"
    STARTED = "started"
    ENDED = "ended"
    DURATION = "duration"
    NODE_ERRORS = "node_errors"
    ERROR = "error"
    ERROR_CODE = "error_code"

    @property
    def facts(self) -> "FieldFacts":
        return _FACTS[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldFacts:
    """
    Attributes:
        example: a comparison that uses the field.
        optional: whether a run may have no value, so that it can be compared with `none`.
        choices: all values, if the kind is CHOICE.
        synonyms: further names, those of Temporal's list filters among them.
    """

    kind: Kind
    example: str
    optional: bool = False
    choices: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()


_FACTS: Final[Mapping[Field, FieldFacts]] = {
    Field.ID: FieldFacts(kind=Kind.TEXT, example="id ~ 0198", synonyms=("execution_id", "graph_exec_id")),
    Field.GRAPH_ID: FieldFacts(
        kind=Kind.TEXT, example="graph_id = 0198c1f2-6b1e-7c55-9f5e-2f0d5c1a7b3e", synonyms=("GraphId",)
    ),
    Field.GRAPH_VERSION: FieldFacts(kind=Kind.NUMBER, example="graph_version >= 2", synonyms=("GraphVersion",)),
    Field.NAME: FieldFacts(kind=Kind.TEXT, example='name ~ "daily report"', synonyms=("graph_name",)),
    Field.STATUS: FieldFacts(
        kind=Kind.CHOICE,
        example="status = FAILED",
        choices=tuple(status.value for status in ExecutionStatus),
        synonyms=("GraphExecutionStatus", "state"),
    ),
    Field.TRIGGER: FieldFacts(kind=Kind.CHOICE, example="trigger = schedule", choices=get_args(Trigger)),
    Field.PRESET_ID: FieldFacts(kind=Kind.TEXT, example="preset_id = none", optional=True),
    Field.PARENT: FieldFacts(
        kind=Kind.TEXT,
        example="parent = none",
        optional=True,
        synonyms=("parent_graph_exec_id", "parent_id", "ParentExecution"),
    ),
    Field.CREATED: FieldFacts(kind=Kind.TIME, example="created > -24h", synonyms=("created_at",)),
    Field.STARTED: FieldFacts(
        kind=Kind.TIME, example="started = today", optional=True, synonyms=("started_at", "StartTime")
    ),
    Field.ENDED: FieldFacts(
        kind=Kind.TIME, example="ended >= 2026-07-01", optional=True, synonyms=("ended_at", "CloseTime")
    ),
    Field.DURATION: FieldFacts(kind=Kind.DURATION, example="duration > 5m", synonyms=("ExecutionDuration",)),
    Field.NODE_ERRORS: FieldFacts(kind=Kind.NUMBER, example="node_errors > 0", synonyms=("node_error_count",)),
    Field.ERROR: FieldFacts(kind=Kind.TEXT, example='error ~ "timed out"', optional=True, synonyms=("error_message",)),
    Field.ERROR_CODE: FieldFacts(kind=Kind.TEXT, example="error_code = insufficient_credits", optional=True),
}
_NAMES: Final[Mapping[str, Field]] = {
    name.lower(): field for field in Field for name in (field.value, *field.facts.synonyms)
}


def find_field(name: str) -> Field | None:
    """By any of its names, whatever their case."""
    return _NAMES.get(name.lower())


def nearest_field(name: str) -> Field | None:
    """The name that was probably meant."""
    close = get_close_matches(name.lower(), _NAMES, n=1)
    return _NAMES[close[0]] if close else None
