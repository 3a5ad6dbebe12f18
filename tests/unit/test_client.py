"""What the client sends, repeats, raises and never shows. The gateway's own behaviour is tested in tests/e2e."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import perdure_client
from perdure_client import (
    ApiError,
    AsyncPerdureClient,
    Conflict,
    ConnectionFailed,
    Forbidden,
    NotFound,
    PerdureClient,
    PerdureError,
    RateLimited,
    RunUnfinished,
    Timeout,
    Unauthorized,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
)
from tests.http_script import HttpScript, Scripted, http_script

KEY = "agpt_secret-0123456789"
AT = "2026-01-02T03:04:05Z"
HEALTHY = Scripted(body={"status": "healthy"})
USER = Scripted(
    body={
        "id": "u",
        "email": "u@example.com",
        "name": None,
        "display_name": "u",
        "role": "user",
        "timezone": "UTC",
        "created_at": AT,
        "updated_at": AT,
        "last_login": None,
        "credits": 100,
    }
)
AWAY = Scripted(503, {"detail": "away"}, {"Retry-After": "0"})
LIMITED = Scripted(429, {"detail": {"error": "Rate limit exceeded", "message": "Too many."}}, {"Retry-After": "0"})
BROKEN = Scripted(broken=True)


def execution(status: str) -> Scripted:
    return Scripted(
        body={
            "id": "e",
            "user_id": "u",
            "graph_id": "g",
            "graph_version": 1,
            "status": status,
            "inputs": {},
            "preset_id": None,
            "created_at": AT,
            "started_at": None,
            "ended_at": None,
            "stats": None,
            "error": None,
            "error_message": None,
            "error_code": None,
            "temporal_url": None,
            "outputs": {},
            "node_executions": [],
            "node_executions_total": 0,
            "next_node_cursor": None,
        }
    )


def event(cursor: str, status: str, kind: str = "graph_execution_update") -> dict[str, Any]:
    return {"kind": kind, "graph_exec_id": "e", "status": status, "at": AT, "cursor": cursor}


@pytest.fixture
def script() -> Iterator[HttpScript]:
    with http_script() as opened:
        yield opened


class Caller:
    """Calls a method of either client by its name, such as "graphs.list"."""

    def __init__(self, client: PerdureClient | AsyncPerdureClient) -> None:
        self.client = client

    async def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        method: Any = self.client
        for part in name.split("."):
            method = getattr(method, part)
        if isinstance(self.client, PerdureClient):
            return await asyncio.to_thread(_call, method, *arguments, **options)
        result = method(*arguments, **options)
        return [item async for item in result] if inspect.isasyncgen(result) else await result


def _call(method: Any, *arguments: Any, **options: Any) -> Any:
    result = method(*arguments, **options)
    return list(result) if inspect.isgenerator(result) else result


@pytest.fixture(params=["blocking", "async"])
async def call(request: pytest.FixtureRequest, script: HttpScript) -> AsyncIterator[Caller]:
    if request.param == "blocking":
        with PerdureClient(script.url, KEY) as client:
            yield Caller(client)
    else:
        async with AsyncPerdureClient(script.url, KEY) as client:
            yield Caller(client)


@pytest.mark.parametrize("trouble", [AWAY, LIMITED, BROKEN, Scripted(502, "bad gateway"), Scripted(504, "")])
async def test_reading_is_repeated(script: HttpScript, call: Caller, trouble: Scripted) -> None:
    script.answers(trouble, USER)
    assert (await call("user")).email == "u@example.com"
    assert len(script.received) == 2


async def test_repeating_ends(script: HttpScript, call: Caller) -> None:
    script.answers(AWAY)
    with pytest.raises(Unavailable):
        await call("user")
    assert len(script.received) == 5


async def test_who_asks_for_a_long_wait_gets_the_error_through(script: HttpScript, call: Caller) -> None:
    script.answers(Scripted(429, None, {"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as raised:
        await call("user")
    assert raised.value.retry_after_seconds == 3600
    assert len(script.received) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 409, 500])
async def test_refusals_are_not_repeated(script: HttpScript, call: Caller, status: int) -> None:
    script.answers(Scripted(status, {}), USER)
    with pytest.raises(ApiError):
        await call("user")
    assert len(script.received) == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("graphs.create", ({},)),
        ("graphs.replace", ("g", {})),
        ("blocks.execute", ("b", {})),
        ("presets.create", ("g", 1, "p")),
        ("presets.create_from_run", ("e", "p")),
        ("api_keys.create", ("k",)),
        ("health", ()),
    ],
)
@pytest.mark.parametrize("trouble", [AWAY, BROKEN])
async def test_what_is_not_safe_to_repeat_is_not_repeated(
    script: HttpScript, call: Caller, name: str, arguments: tuple[Any, ...], trouble: Scripted
) -> None:
    script.answers(trouble)
    with pytest.raises((Unavailable, ConnectionFailed)):
        await call(name, *arguments)
    assert len(script.received) == 1


async def test_execute_is_repeated_under_one_key(script: HttpScript, call: Caller) -> None:
    script.answers(BROKEN, AWAY, execution("QUEUED"))
    assert (await call("execute", "g", {"n": 1}, version=3)).id == "e"
    assert {(sent.method, sent.path) for sent in script.received} == {("POST", "/api/graphs/g/execute/3")}
    assert [sent.body for sent in script.received] == [{"inputs": {"n": 1}}] * 3
    assert len({sent.headers["Idempotency-Key"] for sent in script.received}) == 1


async def test_a_preset_is_run_under_one_key(script: HttpScript, call: Caller) -> None:
    script.answers(BROKEN, execution("QUEUED"))
    assert (await call("presets.execute", "p", {"n": 1})).id == "e"
    assert {(sent.method, sent.path) for sent in script.received} == {("POST", "/api/library/presets/p/execute")}
    assert [sent.body for sent in script.received] == [{"inputs": {"n": 1}, "credential_inputs": {}}] * 2
    assert len({sent.headers["Idempotency-Key"] for sent in script.received}) == 1


async def test_execute_names_a_preset_and_carries_masks(script: HttpScript, call: Caller) -> None:
    script.answers(execution("QUEUED"))
    await call("execute", "g", preset_id="p", nodes_input_masks={"n": {"pin": [1]}})
    assert script.received[0].path == "/api/graphs/g/execute?preset_id=p"
    assert script.received[0].body == {"inputs": {}, "nodes_input_masks": {"n": {"pin": [1]}}}


async def test_two_executes_are_two_runs_unless_they_say_otherwise(script: HttpScript, call: Caller) -> None:
    script.answers(execution("QUEUED"))
    for key in (None, None, "mine", "mine"):
        await call("execute", "g", idempotency_key=key)
    first, second, *given = (sent.headers["Idempotency-Key"] for sent in script.received)
    assert first != second
    assert given == ["mine", "mine"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValidationFailed),
        (401, Unauthorized),
        (402, ApiError),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (413, ValidationFailed),
        (422, ValidationFailed),
        (429, RateLimited),
        (500, ApiError),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
async def test_every_status_has_its_error(script: HttpScript, call: Caller, status: int, kind: type[ApiError]) -> None:
    error = {"error_code": "SOME_CODE", "message": "For people.", "details": {"a": 1}, "reference_id": "r"}
    script.answers(Scripted(status, {"success": False, "detail": "d", "error": error}))
    with pytest.raises(ApiError) as raised:
        await call("graphs.create", {})
    found = raised.value
    assert type(found) is kind
    assert (found.status, found.error_code, found.message) == (status, "SOME_CODE", "For people.")
    assert (found.details, found.reference_id, found.node_errors) == ({"a": 1}, "r", {})


async def test_a_refused_graph_says_which_node(script: HttpScript, call: Caller) -> None:
    detail = {"type": "validation_error", "message": "Graph validation failed", "node_errors": {"n": {"a": "missing"}}}
    script.answers(Scripted(400, {"detail": detail, "error": {"message": "Graph validation failed"}}))
    with pytest.raises(ValidationFailed) as raised:
        await call("execute", "g")
    assert raised.value.node_errors == {"n": {"a": "missing"}}


@pytest.mark.parametrize("body", ["<html>", "", "[]", '"text"', "null", '{"error": "text"}', '{"detail": [1]}'])
async def test_errors_of_others_are_errors_too(script: HttpScript, call: Caller, body: str) -> None:
    script.answers(Scripted(418, body))
    with pytest.raises(ApiError) as raised:
        await call("user")
    assert raised.value.status == 418
    assert raised.value.message


@pytest.mark.parametrize("body", ["<html>", "", "[]", '{"id": 1}'])
async def test_success_of_others_is_none(script: HttpScript, call: Caller, body: str) -> None:
    script.answers(Scripted(200, body))
    with pytest.raises(UnexpectedAnswer, match="/api/user"):
        await call("user")


async def test_redirects_are_not_followed(script: HttpScript, call: Caller) -> None:
    script.answers(Scripted(307, "", {"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(UnexpectedAnswer, match="redirects"):
        await call("user")
    assert len(script.received) == 1


async def test_newer_gateways_may_tell_more(script: HttpScript, call: Caller) -> None:
    script.answers(Scripted(body={**USER.body, "shoe_size": 43}))
    assert (await call("user")).model_dump()["shoe_size"] == 43


@pytest.mark.parametrize(
    ("graph_id", "path"),
    [
        ("a/b", "/api/graphs/a%2Fb"),
        ("..", "/api/graphs/%2E%2E"),
        ("../user", "/api/graphs/..%2Fuser"),
        ("a?b#c", "/api/graphs/a%3Fb%23c"),
        ("ä", "/api/graphs/%C3%A4"),
    ],
)
async def test_an_id_stays_in_its_place(script: HttpScript, call: Caller, graph_id: str, path: str) -> None:
    script.answers(Scripted(404, {}))
    with pytest.raises(NotFound):
        await call("graphs.get", graph_id)
    assert script.received[0].path == path


async def test_an_empty_id_is_not_sent(script: HttpScript, call: Caller) -> None:
    with pytest.raises(ValueError, match="empty"):
        await call("graphs.delete", "")
    assert script.received == []


async def test_the_key_is_sent_and_never_shown(
    script: HttpScript, call: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    shown = [repr(call.client)]
    with caplog.at_level(logging.DEBUG):
        for answer in (Scripted(401, {"detail": "no"}), Scripted(200, "[]"), BROKEN):
            script.answers(answer)
            with pytest.raises(PerdureError) as raised:
                await call("user")
            shown += [repr(raised.value), str(raised.value), repr(raised.value.__cause__), repr(vars(raised.value))]
    assert all(sent.headers["Authorization"] == f"Bearer {KEY}" for sent in script.received)
    assert "secret" not in " ".join([*shown, caplog.text])


@pytest.mark.parametrize("kind", [PerdureClient, AsyncPerdureClient])
@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("localhost:8000", KEY),
        ("ftp://host", KEY),
        ("http://", KEY),
        ("http://host", f"{KEY}\n"),
        ("http://host", f"{KEY}ä"),
        ("http://host", ""),
    ],
)
def test_what_cannot_work_is_refused_at_once(kind: type[Any], url: str, key: str) -> None:
    with pytest.raises(ValueError, match=r"gateway|API key") as raised:
        kind(url, key)
    assert "secret" not in str(raised.value)


async def test_nobody_listens() -> None:
    with http_script() as gone:
        url = gone.url
    with PerdureClient(url, KEY, max_retries=0) as client, pytest.raises(ConnectionFailed, match="Is it running"):
        await asyncio.to_thread(client.user)


async def test_events_go_on_where_they_were_after_a_loss(script: HttpScript, call: Caller) -> None:
    script.answers(
        Scripted(body=[event("1-0", "QUEUED"), event("2-0", "RUNNING")]),
        BROKEN,
        AWAY,
        Scripted(body=[event("3-0", "RUNNING", "node_execution_update"), event("4-0", "COMPLETED")]),
    )
    found = await call("iter_events", "e", since="0-5")
    assert [one.cursor for one in found] == ["1-0", "2-0", "3-0", "4-0"]
    asked = [sent.path.partition("since=")[2].partition("&")[0] for sent in script.received]
    assert asked == ["0-5", "2-0", "2-0", "2-0"]


async def test_a_node_that_ends_does_not_end_the_events(script: HttpScript, call: Caller) -> None:
    script.answers(
        Scripted(body=[event("1-0", "COMPLETED", "node_execution_update")]), Scripted(body=[event("2-0", "TERMINATED")])
    )
    assert [one.cursor for one in await call("iter_events", "e")] == ["1-0", "2-0"]


async def test_events_end_with_the_run_although_the_last_one_is_lost(script: HttpScript, call: Caller) -> None:
    script.answers(
        Scripted(body=[]),
        execution("RUNNING"),
        Scripted(body=[]),
        execution("COMPLETED"),
        Scripted(body=[event("7-0", "RUNNING", "node_execution_update")]),
        Scripted(body=[]),
        execution("COMPLETED"),
    )
    assert [one.cursor for one in await call("iter_events", "e")] == ["7-0"]


async def test_events_of_nothing_are_not_found(script: HttpScript, call: Caller) -> None:
    script.answers(Scripted(404, {"detail": "no"}))
    with pytest.raises(NotFound):
        await call("iter_events", "e")


async def test_patience_ends(script: HttpScript, call: Caller) -> None:
    script.answers(AWAY)
    with pytest.raises(Unavailable):
        await call("iter_events", "e", patience_seconds=0)


async def test_waiting_ends_with_the_name_of_the_run(script: HttpScript, call: Caller) -> None:
    script.answers(execution("QUEUED"), execution("RUNNING"))
    with pytest.raises(RunUnfinished) as raised:
        await call("run_and_wait", "g", timeout=0)
    assert isinstance(raised.value, Timeout)
    assert raised.value.execution_id == "e"


async def test_a_page_knows_the_whole(script: HttpScript, call: Caller) -> None:
    script.answers(Scripted(body=[execution("COMPLETED").body] * 2, headers={"X-Total-Count": "7"}))
    page = await call("executions.list", page=2, page_size=2)
    assert (len(page), page.total, page[0].id, [one.id for one in page]) == (2, 7, "e", ["e", "e"])
    assert script.received[0].path == "/api/executions?page=2&page_size=2"


def test_all_errors_are_of_one_tree() -> None:
    errors = [
        value for value in vars(perdure_client).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert errors
    assert all(issubclass(error, PerdureError) for error in errors)
