"""A query over executions as SQL. Every value is a bound parameter; columns come from the fields of the grammar alone.

Conditions are true or false, never unknown: a comparison with a value that a run lacks is false, so its negation is
true.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, tuple_
from sqlmodel import col

from models.execution_query.conditions import AllOf, AnyOf, Comparison, Condition, ExecutionQuery, Not, OneOf, Word
from models.execution_query.fields import Field, Kind, Operator
from models.execution_query.times import Span, TimeValue
from models.ids import UserId
from models.tables.execution import GraphExecutionRow
from models.tables.graph import GraphRow

_Test = ColumnElement[bool]

_COLUMNS: Final[Mapping[Field, Any]] = {
    Field.ID: col(GraphExecutionRow.id),
    Field.GRAPH_ID: col(GraphExecutionRow.graph_id),
    Field.GRAPH_VERSION: col(GraphExecutionRow.graph_version),
    Field.NAME: col(GraphRow.name),
    Field.STATUS: col(GraphExecutionRow.status),
    Field.TRIGGER: col(GraphExecutionRow.trigger),
    Field.PRESET_ID: col(GraphExecutionRow.preset_id),
    Field.PARENT: col(GraphExecutionRow.parent_graph_exec_id),
    Field.CREATED: col(GraphExecutionRow.created_at),
    Field.STARTED: col(GraphExecutionRow.started_at),
    Field.ENDED: col(GraphExecutionRow.ended_at),
    Field.NODE_ERRORS: col(GraphExecutionRow.stats)["node_error_count"].as_integer(),
    Field.ERROR: col(GraphExecutionRow.error),
    Field.ERROR_CODE: col(GraphExecutionRow.error_code),
}
_ORDER: Final[Mapping[Operator, Callable[[Any, Any], Any]]] = {
    Operator.EQUAL: eq,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
}


def matching(query: ExecutionQuery, user_id: UserId) -> _Test:
    """For a statement over the runs of a user; names are those of the user's graphs."""
    return _Translation(query, user_id).of(query.condition)


class _Translation:
    def __init__(self, query: ExecutionQuery, user_id: UserId) -> None:
        self._query = query
        self._user_id = user_id

    def of(self, condition: Condition) -> _Test:
        match condition:
            case AllOf(parts):
                return and_(*map(self.of, parts))
            case AnyOf(parts):
                return or_(*map(self.of, parts))
            case Not(part):
                return not_(self.of(part))
            case Word(text):
                return self._word(text)
            case OneOf(field, values):
                return self._about(field, _COLUMNS[field].in_(values))
            case Comparison(field, Operator.UNEQUAL, value):
                return not_(self._comparison(field, Operator.EQUAL, value))
            case Comparison(field, operator, value):
                return self._comparison(field, operator, value)

    def _comparison(self, field: Field, operator: Operator, value: Any) -> _Test:
        if value is None:
            return _COLUMNS[field].is_(None)
        if field is Field.DURATION:
            return self._duration(operator, value)
        column = _COLUMNS[field]
        if field.facts.kind is Kind.TIME:
            return self._about(field, _in_time(column, operator, self._span(value)))
        if operator is Operator.CONTAINS:
            return self._about(field, column.icontains(value, autoescape=True))
        return self._about(field, _ORDER[operator](column, value))

    def _about(self, field: Field, test: _Test) -> _Test:
        """A test of a column, as one of a run that may lack the value."""
        if field is Field.NAME:
            return self._of_graph(test)
        if field.facts.optional or field is Field.NODE_ERRORS:
            return and_(_COLUMNS[field].is_not(None), test)
        return test

    def _of_graph(self, test: _Test) -> _Test:
        versions = select(col(GraphRow.id), col(GraphRow.version)).where(col(GraphRow.user_id) == self._user_id, test)
        return tuple_(col(GraphExecutionRow.graph_id), col(GraphExecutionRow.graph_version)).in_(versions)

    def _word(self, text: str) -> _Test:
        beginning = text.lower()  # as ids of our own are
        return or_(
            self._of_graph(col(GraphRow.name).icontains(text, autoescape=True)),
            col(GraphExecutionRow.id).startswith(beginning, autoescape=True),
            col(GraphExecutionRow.graph_id).startswith(beginning, autoescape=True),
        )

    def _duration(self, operator: Operator, value: timedelta) -> _Test:
        started = col(GraphExecutionRow.started_at)
        until = func.coalesce(col(GraphExecutionRow.ended_at), self._query.now)
        return and_(started.is_not(None), _ORDER[operator](until - started, value))

    def _span(self, value: TimeValue) -> Span:
        return value.span(self._query.now, self._query.zone)


def _in_time(column: Any, operator: Operator, span: Span) -> _Test:
    """A time is a span: later than a day is after all of it."""
    match operator:
        case Operator.LESS:
            return column < span.start
        case Operator.AT_MOST:
            return column < span.end
        case Operator.MORE:
            return column >= span.end
        case _:
            later = column >= span.start
            return later if operator is Operator.AT_LEAST else and_(later, column < span.end)
