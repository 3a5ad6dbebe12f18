"""The grammar of queries over executions: what is understood, what is refused and how."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidRequestError
from models.execution_query.conditions import AllOf, AnyOf, Comparison, Condition, Not, OneOf, Word
from models.execution_query.fields import LISTABLE, MAX_NUMBER, OPERATORS, Field, Kind, Operator
from models.execution_query.parser import parse_execution_query
from models.execution_query.times import (
    MAX_DURATION,
    MICROSECOND,
    Ago,
    Day,
    Moment,
    NamedDay,
    TimeValue,
    parse_duration,
    parse_time,
)

FAILED = Comparison(Field.STATUS, Operator.EQUAL, "FAILED")
BROKEN = Comparison(Field.NODE_ERRORS, Operator.MORE, 0)
RECENT = Comparison(Field.CREATED, Operator.MORE, Ago(timedelta(hours=24)))

UNDERSTOOD: dict[str, Condition | None] = {
    "": None,
    "  \n\t\u00a0 ": None,
    "status = FAILED": FAILED,
    "Status=failed": FAILED,
    "GraphExecutionStatus = 'Failed'": FAILED,
    "graphversion>=2": Comparison(Field.GRAPH_VERSION, Operator.AT_LEAST, 2),
    "GraphId != 'g'": Comparison(Field.GRAPH_ID, Operator.UNEQUAL, "g"),
    "Trigger = Schedule": Comparison(Field.TRIGGER, Operator.EQUAL, "schedule"),
    "StartTime < '2026-07-01T09:30:00Z'": Comparison(
        Field.STARTED, Operator.LESS, Moment(datetime(2026, 7, 1, 9, 30, tzinfo=UTC), timedelta(seconds=1))
    ),
    "CloseTime is null": Comparison(Field.ENDED, Operator.EQUAL, None),
    "CloseTime IS NOT NULL": Comparison(Field.ENDED, Operator.UNEQUAL, None),
    "ExecutionDuration > 1h30m": Comparison(Field.DURATION, Operator.MORE, timedelta(minutes=90)),
    "parent_graph_exec_id = none": Comparison(Field.PARENT, Operator.EQUAL, None),
    "parent = 'none'": Comparison(Field.PARENT, Operator.EQUAL, "none"),
    "name = none": Comparison(Field.NAME, Operator.EQUAL, "none"),
    "duration > 90": Comparison(Field.DURATION, Operator.MORE, timedelta(seconds=90)),
    "created = today": Comparison(Field.CREATED, Operator.EQUAL, NamedDay.TODAY),
    "status = FAILED AND created > -24h": AllOf((FAILED, RECENT)),
    "status=FAILED created>-24h": AllOf((FAILED, RECENT)),
    "daily status=FAILED": AllOf((Word("daily"), FAILED)),
    "status=FAILED and daily report": AllOf((FAILED, Word("daily"), Word("report"))),
    "daily report": AllOf((Word("daily"), Word("report"))),
    '"daily report"': Word("daily report"),
    "in progress is bad": AllOf((Word("in"), Word("progress"), Word("is"), Word("bad"))),
    "status = FAILED or node_errors > 0 and created > -24h": AnyOf((FAILED, AllOf((BROKEN, RECENT)))),
    "(status = FAILED or node_errors > 0) created > -24h": AllOf((AnyOf((FAILED, BROKEN)), RECENT)),
    "NOT status = FAILED AND created > -24h": AllOf((Not(FAILED), RECENT)),
    "NOT NOT (status = FAILED)": Not(Not(FAILED)),
    "status IN (failed, 'Review')": OneOf(Field.STATUS, ("FAILED", "REVIEW")),
    "status NOT IN (FAILED)": Not(OneOf(Field.STATUS, ("FAILED",))),
    "graph_version in(1,2)": OneOf(Field.GRAPH_VERSION, (1, 2)),
    """error ~ 'it''s "x"'""": Comparison(Field.ERROR, Operator.CONTAINS, 'it\'s "x"'),
    "x' OR '1'='1": AllOf((Word("x"), Word(" OR "), Word("1"), Word("="), Word("1"))),
    r"error ~ 100%_\d": Comparison(Field.ERROR, Operator.CONTAINS, r"100%_\d"),
}


@pytest.mark.parametrize("text", UNDERSTOOD)
def test_a_query_is_understood(text: str) -> None:
    assert parse_execution_query(text) == UNDERSTOOD[text]


REFUSED: dict[str, tuple[int, str]] = {
    "status": (7, "followed by the end of the query"),
    "status FAILED": (8, "needs quotes"),
    "status = ": (10, "there is the end of the query"),
    "status = OR": (10, "which needs quotes"),
    "status = (FAILED)": (10, "there is '('"),
    "status == FAILED": (9, "there is '='"),
    "status = faild": (10, "Did you mean FAILED?"),
    "status < FAILED": (8, "one of a few words, which < does not compare"),
    "stats = FAILED": (1, "Did you mean status?"),
    "durration > 5m": (1, "Did you mean duration?"),
    "xyzzy = 1": (1, "'xyzzy' is not a field. Expected one of id, graph_id"),
    "xyzzy IN (1)": (1, "'xyzzy' is not a field"),
    "xyzzy NOT IN (1)": (1, "'xyzzy' is not a field"),
    "xyzzy IS NOT NULL": (1, "'xyzzy' is not a field"),
    "user_id = victim": (1, "only ever finds your own runs"),
    "UserId = 'victim'": (1, "only ever finds your own runs"),
    "x OR user_id IN (victim)": (6, "only ever finds your own runs"),
    "'status' = FAILED": (1, "without quotes"),
    "' OR 1=1": (1, "has no end"),
    "x OR '1'='1'": (6, "'1' is text and cannot be compared"),
    "x OR 1=1": (6, "'1' is not a field"),
    "status = FAILED -- and all": (17, "NOT or quotes"),
    "status = FAILED;": (10, "is not a status"),
    "name ~ “daily report”": (8, "straight quote"),
    "＇ OR 1=1": (1, "straight quote"),
    "x !": (3, "!= or NOT"),
    "(status = FAILED": (1, "not closed"),
    "x AND (y OR (z)": (7, "not closed"),
    "status = FAILED)": (16, "closes nothing"),
    "status = FAILED, REVIEW": (16, "status IN (FAILED, TERMINATED)"),
    "()": (2, "there is ')'"),
    "AND x": (1, "there is 'AND'"),
    "x OR": (5, "the end of the query"),
    "NOT": (4, "the end of the query"),
    "''": (1, "empty text"),
    "error ~ ''": (9, "some text"),
    "status IN FAILED": (11, "the list goes on with 'FAILED'"),
    "status IN ()": (12, "there is ')'"),
    "status IN (FAILED": (18, "the end of the query"),
    "status IN (FAILED REVIEW)": (19, "Expected , or )"),
    "preset_id IN (a, none)": (18, "does not go into a list"),
    "created IN (today)": (9, "no lists"),
    "duration = 5m": (10, "does not compare"),
    "duration > 5 m": (14, "Expected AND, OR or the end"),
    "created > 2026-07-01 09:30": (22, "Expected AND, OR or the end"),
    "name ~ daily report": (14, "Expected AND, OR or the end"),
    "status = FAILED foo = 1": (17, "'foo' is not a field"),
    "duration > 5y": (12, "is not a duration"),
    "duration > 99999999999d": (12, "is not a duration"),
    "created > yesteryear": (11, "is not a time"),
    "created > -24": (11, "is not a time"),
    "created > 2026-13-01": (11, "is not a time"),
    "created > 2026-02-30": (11, "is not a time"),
    "created > 2026-07-01T25:00": (11, "is not a time"),
    "created > 2026-07-01T10:00+25:00": (11, "is not a time"),
    "created > 0001-01-01": (11, "is not a time"),
    "created > 9999-12-31": (11, "is not a time"),
    "created = -24h": (11, "no run has exactly"),
    "created IS NULL": (9, "cannot be NULL"),
    "ended IS EMPTY": (10, "Expected NULL or NOT NULL"),
    "ended > none": (9, "does not compare with none"),
    "graph_version = 1.5": (17, "is not a whole number"),
    "graph_version = -1": (17, "is not a whole number"),
    "graph_version = ٣": (17, "is not a whole number"),
    "graph_version = 2147483648": (17, "is not a whole number"),
    "x\x00y": (2, "is not text"),
    "'x\ud800'": (3, "is not text"),
    "x" * 2_001: (2_001, "at most 2000 characters"),
    " ".join("x" * 51): (101, "at most 50"),
    f"graph_version IN ({','.join('1' * 51)})": (119, "at most 50"),
    "(" * 21 + "x" + ")" * 21: (21, "at most 20 levels"),
    "NOT " * 21 + "x": (81, "at most 20 levels"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:40]))
def test_a_query_is_refused_where_it_is_wrong(text: str) -> None:
    column, said = REFUSED[text]
    with pytest.raises(InvalidRequestError) as caught:
        parse_execution_query(text)
    error = caught.value
    assert error.details["column"] == column
    assert said in error.message
    assert f"at column {column}: " in error.message
    assert error.message.endswith(f", for example: {error.details['example']}")
    assert len(error.message) < 600


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:40]))
def test_the_example_of_an_error_is_right(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_execution_query(text)
    assert parse_execution_query(caught.value.details["example"]) is not None


@pytest.mark.parametrize("field", Field)
def test_the_example_of_a_field_is_about_it(field: Field) -> None:
    condition = parse_execution_query(field.facts.example)
    assert isinstance(condition, Comparison)
    assert condition.field is field
    for name in field.facts.synonyms:
        assert parse_execution_query(field.facts.example.replace(field.value, name, 1)) == condition


def test_queries_at_the_limits_are_understood() -> None:
    assert parse_execution_query("(" * 20 + "x" + ")" * 20) == Word("x")
    assert isinstance(parse_execution_query(" ".join("x" * 50)), AllOf)
    assert parse_execution_query("x" * 2_000) == Word("x" * 2_000)
    assert isinstance(parse_execution_query("(x) " * 50), AllOf)


TOKENS = st.sampled_from(
    [
        *(*Field, *Operator, "AND", "OR", "NOT", "IN", "IS", "NULL", "none", "(", ")", ",", "'", '"', "!", "FAILED"),
        *("5m", "-24h", "today", "2026-07-01", "7", "user_id", "--", "/*", ";", "%", "\\", "“", "x"),
    ]
)


@settings(max_examples=400)
@given(st.lists(TOKENS, max_size=60).map(" ".join) | st.text(st.characters(codec=None, categories=None)))
def test_any_text_is_understood_or_refused_with_its_column(text: str) -> None:
    try:
        condition = parse_execution_query(text)
    except InvalidRequestError as refused:
        column = refused.details["column"]
    else:
        column = 1
        if condition is not None:
            assert parse_execution_query(str(condition)) == condition
            assert terms(condition) <= 50
    assert 1 <= column <= len(text) + 1


def terms(condition: Condition) -> int:
    match condition:
        case Not(part):
            return terms(part)
        case AllOf(parts) | AnyOf(parts):
            return sum(map(terms, parts))
        case OneOf(_, values):
            return len(values)
        case _:
            return 1


STORABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
DURATIONS = st.timedeltas(min_value=timedelta(), max_value=MAX_DURATION)
DAYS = st.dates(min_value=date(1970, 1, 1), max_value=date(2999, 12, 31))
ZONES = st.none() | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@st.composite
def moments(draw: st.DrawFn) -> Moment:
    width = draw(st.sampled_from([timedelta(minutes=1), *(MICROSECOND * 10**digits for digits in range(7))]))
    at = draw(st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31), timezones=ZONES))
    since_minute = timedelta(seconds=at.second, microseconds=at.microsecond)
    return Moment(at - since_minute % width, width)


TIMES: st.SearchStrategy[TimeValue] = DURATIONS.map(Ago) | st.sampled_from(NamedDay) | DAYS.map(Day) | moments()


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from(Field))
    facts = field.facts
    operator = draw(st.sampled_from(OPERATORS[facts.kind]))
    is_equality = operator in (Operator.EQUAL, Operator.UNEQUAL)
    values: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.CHOICE: st.sampled_from(facts.choices or ("",)),
        Kind.TEXT: STORABLE,
        Kind.NUMBER: st.integers(0, MAX_NUMBER),
        Kind.TIME: TIMES.filter(lambda time: not (is_equality and isinstance(time, Ago))),
        Kind.DURATION: DURATIONS,
    }
    if facts.kind in LISTABLE and draw(st.booleans()):
        return OneOf(field, tuple(draw(st.lists(values[facts.kind], min_size=1, max_size=4))))
    if facts.optional and is_equality and draw(st.booleans()):
        return Comparison(field, operator, None)
    return Comparison(field, operator, draw(values[facts.kind]))


def groups(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return parts.map(Not) | several.map(AllOf) | several.map(AnyOf)


CONDITIONS = st.recursive(comparisons() | STORABLE.map(Word), groups, max_leaves=8)


@settings(max_examples=400)
@given(CONDITIONS)
def test_the_text_of_a_condition_means_the_condition(condition: Condition) -> None:
    assert parse_execution_query(str(condition)) == condition


@settings(max_examples=200)
@given(TIMES, st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Cairo"]))
def test_every_time_is_a_span_in_every_timezone(time: TimeValue, zone: str) -> None:
    start, end = time.span(datetime(2026, 7, 1, 12, tzinfo=UTC), ZoneInfo(zone))
    assert start < end
    assert start.utcoffset() == end.utcoffset() == timedelta()


def test_days_are_those_of_the_reader() -> None:
    now = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    berlin = ZoneInfo("Europe/Berlin")

    def day(text: str) -> tuple[str, str]:
        value = parse_time(text)
        assert value is not None
        start, end = value.span(now, berlin)
        return f"{start:%m-%d %H:%M}", f"{end:%m-%d %H:%M}"

    assert day("today") == ("07-01 22:00", "07-02 22:00")
    assert day("YESTERDAY") == ("06-30 22:00", "07-01 22:00")
    assert day("2026-03-29") == ("03-28 23:00", "03-29 22:00")  # the clocks go forward
    assert day("2026-10-25") == ("10-24 22:00", "10-25 23:00")  # and back
    assert day("2026-07-01T09:30") == ("07-01 07:30", "07-01 07:31")
    assert day("2026-07-01 09:30Z") == ("07-01 09:30", "07-01 09:31")
    assert day("2026-07-01T09:30-02:00") == ("07-01 11:30", "07-01 11:31")
    assert day("-1h30m")[0] == "07-01 21:00"
    assert day("now")[0] == "07-01 22:30"


def test_a_time_is_as_wide_as_it_is_written() -> None:
    widths = {
        "2026-07-01T09:30": timedelta(minutes=1),
        "2026-07-01T09:30:15": timedelta(seconds=1),
        "2026-07-01T09:30:15.5": timedelta(milliseconds=100),
        "2026-07-01T09:30:15.123456Z": MICROSECOND,
    }
    for text, width in widths.items():
        value = parse_time(text)
        assert isinstance(value, Moment)
        assert value.width == width


def test_durations() -> None:
    assert parse_duration("1.5d") == timedelta(hours=36)
    assert parse_duration("1H30M5S") == timedelta(hours=1, minutes=30, seconds=5)
    assert parse_duration("250ms") == timedelta(milliseconds=250)
    assert parse_duration("0") == timedelta()
    for text in ("", "h", "1x", "1h x", "-1h", "1.h", "36501d", "1e3"):
        assert parse_duration(text) is None, text
