"""Finding runs over HTTP: every field and operator on real rows, and never anybody else's."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx2 import AsyncClient

from infra.migrate import database_for
from infra.stores.execution_recorder import PostgresExecutionRecorder
from models.execution import ExecutionStats, ExecutionStatus
from models.execution_outputs import RecordedOutputs
from models.ids import GraphExecId, GraphId, UserId, new_id
from models.wire import CloseExecutionInput, RunIdentity, RunOpening
from tests.gateway import Gateway, assert_refused, echo_graph_body, save

NOW: Final = datetime.now(UTC)
WEEKLY: Final = r"Weekly 50%_off C:\temp Über"
ALL: Final = frozenset({"done", "failed", "child", "running", "queued", "stopped"})


@dataclass
class Owner:
    client: AsyncClient
    graphs: dict[str, str]
    """`report` has two versions, of which the second is called otherwise; `research` has one."""

    runs: dict[str, GraphExecId]

    async def find(self, query: str, *, graph: str | None = None) -> set[str]:
        """Names of the runs that a query finds."""
        labels = {run_id: label for label, run_id in self.runs.items()}
        if graph is None:
            response = await self.client.get("/api/executions", params={"query": query})
            assert response.status_code == 200, response.text
            found, total = response.json(), int(response.headers["X-Total-Count"])
        else:
            response = await self.client.get(f"/api/graphs/{self.graphs[graph]}/executions", params={"query": query})
            assert response.status_code == 200, response.text
            found, total = response.json()["executions"], response.json()["pagination"]["total_items"]
        assert total == len(found)
        assert [run["created_at"] for run in found] == sorted((run["created_at"] for run in found), reverse=True)
        return {labels[run["id"]] for run in found}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def owners(gateway: Gateway) -> AsyncIterator[tuple[Owner, Owner]]:
    """Two users with the same graphs and runs."""
    database = database_for(gateway.settings.postgres.database_url.get_secret_value(), application_name="tests")
    recorder = PostgresExecutionRecorder(database)
    first, second = (f"user-{uuid4()}" for _ in range(2))
    async with gateway.user(first) as first_client, gateway.user(second) as second_client:
        yield (
            await _settle(recorder, first_client, UserId(first)),
            await _settle(recorder, second_client, UserId(second)),
        )
    await database.close()


@pytest.fixture
def owner(owners: tuple[Owner, Owner]) -> Owner:
    return owners[0]


async def _settle(recorder: PostgresExecutionRecorder, client: AsyncClient, user_id: UserId) -> Owner:
    report = await save(client, echo_graph_body(name="Daily report"))
    changed = await client.put(f"/api/graphs/{report}", json=echo_graph_body(name=WEEKLY))
    assert changed.json()["version"] == 2
    graphs = {"report": report, "research": await save(client, echo_graph_body(name="Research agent"))}
    owner = Owner(client, graphs, {label: GraphExecId(new_id()) for label in sorted(ALL)})

    async def record(label: str, graph: str, opening: RunOpening, version: int = 1, **closing: Any) -> None:
        identity = RunIdentity(
            graph_exec_id=owner.runs[label], graph_id=GraphId(graphs[graph]), graph_version=version, user_id=user_id
        )
        await recorder.open_execution(identity, opening)
        if closing:
            await recorder.close_execution(
                CloseExecutionInput(run=identity, opening=opening, **closing), RecordedOutputs()
            )

    march = datetime(2026, 3, 1, 10, tzinfo=UTC)
    await record(
        "done",
        "report",
        RunOpening(created_at=march, started_at=march + timedelta(seconds=1)),
        status=ExecutionStatus.COMPLETED,
        ended_at=march + timedelta(seconds=31),
    )
    later = march + timedelta(days=1, milliseconds=500)
    await record(
        "failed",
        "report",
        RunOpening(trigger="schedule", preset_id="p1", created_at=later, started_at=later),
        version=2,
        status=ExecutionStatus.FAILED,
        ended_at=later + timedelta(hours=2),
        error=r"Request to 'C:\new' timed out at 100%_/ done",
        error_code="block_timeout",
        stats=ExecutionStats(node_error_count=3),
    )
    night = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    await record(
        "child",
        "research",
        RunOpening(trigger="agent", parent_graph_exec_id=owner.runs["failed"], created_at=night, started_at=night),
        status=ExecutionStatus.COMPLETED,
        ended_at=night + timedelta(milliseconds=250),
        stats=ExecutionStats(node_error_count=1),
    )
    yesterday = NOW - timedelta(hours=25)
    await record(
        "stopped",
        "report",
        RunOpening(created_at=yesterday, started_at=yesterday),
        status=ExecutionStatus.TERMINATED,
        ended_at=yesterday + timedelta(minutes=5),
        error="Stopped",
    )
    recent = NOW - timedelta(hours=3)
    await record("running", "research", RunOpening(trigger="webhook", created_at=recent, started_at=recent))
    await record("queued", "report", RunOpening(created_at=NOW - timedelta(minutes=1)))
    return owner


FOUND: Final[Mapping[str, set[str]]] = {
    "": set(ALL),
    "status = failed": {"failed"},
    "status != FAILED": ALL - {"failed"},
    "status IN (FAILED, TERMINATED)": {"failed", "stopped"},
    "status NOT IN (COMPLETED, FAILED, TERMINATED)": {"running", "queued"},
    "trigger = webhook": {"running"},
    "Trigger != 'manual'": {"failed", "child", "running"},
    "trigger IN (agent, schedule)": {"failed", "child"},
    "graph_version = 2": {"failed"},
    "graph_version != 2": ALL - {"failed"},
    "graph_version < 2": ALL - {"failed"},
    "graph_version <= 1 status = COMPLETED": {"done", "child"},
    "graph_version > 1": {"failed"},
    "GraphVersion >= 2": {"failed"},
    "graph_version IN (2, 3)": {"failed"},
    "graph_version = 2147483647": set(),
    "preset_id = p1": {"failed"},
    "preset_id != p1": ALL - {"failed"},
    "preset_id = none": ALL - {"failed"},
    "preset_id IS NOT NULL": {"failed"},
    "preset_id ~ P": {"failed"},
    "preset_id IN (p1, p2)": {"failed"},
    "parent != none": {"child"},
    "parent IS NULL AND status = COMPLETED": {"done"},
    "created = 2026-03-01": {"done"},
    "created != 2026-03-01": ALL - {"done"},
    "created < 2026-03-02": {"done"},
    "created <= 2026-03-02": {"done", "failed", "child"},
    "created > 2026-03-02": {"stopped", "running", "queued"},
    "created >= 2026-03-02 created < 2026-03-03": {"failed", "child"},
    "created = 2026-03-02T10:00": {"failed"},
    "created = 2026-03-02T10:00:00": {"failed"},
    "created = 2026-03-02T10:00:00.5Z": {"failed"},
    "created = 2026-03-02T10:00:00.4Z": set(),
    'created = "2026-03-03 00:30+01:00"': {"child"},
    "created > -24h": {"running", "queued"},
    "created > -26h": {"stopped", "running", "queued"},
    "created < -26h": {"done", "failed", "child"},
    "created > now": set(),
    "started = none": {"queued"},
    "started < 2026-03-02": {"done"},
    "StartTime >= 2026-03-02": {"failed", "child", "stopped", "running"},
    "NOT started < 2026-03-02": ALL - {"done"},
    "ended = 2026-03-02": {"failed", "child"},
    "ended IS NULL": {"running", "queued"},
    "CloseTime != 2026-03-02": ALL - {"failed", "child"},
    "ended > -25h": {"stopped"},
    "duration > 2h": {"running"},
    "duration >= 2h": {"running", "failed"},
    "duration < 30": {"child"},
    "duration <= 30": {"child", "done"},
    "ExecutionDuration <= 250ms": {"child"},
    "NOT duration >= 0s": {"queued"},
    "node_errors = 0": {"done", "stopped"},
    "node_errors != 0": ALL - {"done", "stopped"},
    "node_errors > 0": {"failed", "child"},
    "node_errors >= 3": {"failed"},
    "node_errors < 3": {"done", "stopped", "child"},
    "node_errors <= 1 AND node_errors > 0": {"child"},
    "node_errors IN (1, 3)": {"failed", "child"},
    "error ~ 'TIMED out'": {"failed"},
    "error ~ '100%_/'": {"failed"},
    "error ~ '%'": {"failed"},
    "error ~ '_'": {"failed"},
    "error ~ '/'": {"failed"},
    "error ~ '1%0'": set(),
    "error ~ '10_%'": set(),
    r"error ~ '\'": {"failed"},
    r"error ~ '\new'": {"failed"},
    r"error ~ '\\'": set(),
    "error ~ '''C:'": {"failed"},
    "error = Stopped": {"stopped"},
    "error = stopped": set(),
    "error != Stopped": ALL - {"stopped"},
    "NOT error ~ stopped": ALL - {"stopped"},
    "error = none": ALL - {"failed", "stopped"},
    "error IN (Stopped, 'x')": {"stopped"},
    "error_code = block_timeout": {"failed"},
    "error_code ~ TIMEOUT": {"failed"},
    "error_code IS NULL": ALL - {"failed"},
    "error_code IN (block_timeout)": {"failed"},
    "name = 'Research agent'": {"child", "running"},
    "name = 'research agent'": set(),
    "name != 'Research agent'": ALL - {"child", "running"},
    "name ~ 'DAILY rep'": {"done", "stopped", "queued"},
    "name ~ 50%_": {"failed"},
    "name ~ 5%_": set(),
    r"name ~ C:\temp": {"failed"},
    "name ~ über": {"failed"},
    "name IN ('Daily report', 'Research agent')": ALL - {"failed"},
    "report": {"done", "stopped", "queued"},
    "daily report": {"done", "stopped", "queued"},
    "'report daily'": set(),
    "research OR weekly": {"child", "running", "failed"},
    "%": {"failed"},
    "NOT report": {"child", "running", "failed"},
    "research status = RUNNING": {"running"},
    "status = FAILED OR status = COMPLETED AND parent = none": {"failed", "done"},
    "(status = FAILED OR status = COMPLETED) AND parent = none": {"failed", "done"},
    "NOT (status = FAILED OR status = COMPLETED)": {"stopped", "running", "queued"},
    "NOT NOT status = FAILED": {"failed"},
}


@pytest.mark.parametrize("query", FOUND)
async def test_a_query_finds(owner: Owner, query: str) -> None:
    assert await owner.find(query) == FOUND[query]


async def test_ids_are_found_whole_or_in_part(owner: Owner) -> None:
    run, graph = owner.runs["failed"], owner.graphs["research"]
    assert await owner.find(f"id = {run}") == {"failed"}
    assert await owner.find(f"id != {run}") == ALL - {"failed"}
    assert await owner.find(f"graph_exec_id ~ {run[9:]}") == {"failed"}
    assert await owner.find(f"id IN ({run}, {owner.runs['done']})") == {"failed", "done"}
    assert await owner.find(f"parent = {run}") == {"child"}
    assert await owner.find(f"parent != {run}") == ALL - {"child"}
    assert await owner.find(f"ParentExecution IN ({run})") == {"child"}
    assert await owner.find(f"parent ~ {run[-12:]}") == {"child"}
    assert await owner.find(f"GraphId = '{graph}'") == {"child", "running"}
    assert await owner.find(f"graph_id ~ {graph[-12:].upper()}") == {"child", "running"}
    assert await owner.find(run[:-1]) == {"failed"}
    assert await owner.find(run.upper()) == {"failed"}
    assert await owner.find(run[1:]) == set()
    assert await owner.find(graph) == {"child", "running"}


async def test_a_query_narrows_the_runs_of_one_graph(owner: Owner) -> None:
    assert await owner.find("", graph="research") == {"child", "running"}
    assert await owner.find("status = COMPLETED", graph="research") == {"child"}
    assert await owner.find("status = FAILED OR name ~ e", graph="research") == {"child", "running"}
    assert await owner.find(f"graph_id = {owner.graphs['report']}", graph="research") == set()


async def test_pages_of_what_is_found(owner: Owner) -> None:
    params = {"query": "status = COMPLETED", "page_size": "1"}
    pages = [await owner.client.get("/api/executions", params={**params, "page": str(page)}) for page in (1, 2, 3)]
    assert [[run["id"] for run in page.json()] for page in pages] == [
        [owner.runs["child"]],
        [owner.runs["done"]],
        [],
    ]
    assert {page.headers["X-Total-Count"] for page in pages} == {"2"}


async def test_days_are_those_of_the_users_timezone(gateway: Gateway, owners: tuple[Owner, Owner]) -> None:
    _, owner = owners
    assert await owner.find("created = 2026-03-03") == set()
    changed = await owner.client.put("/api/user", json={"timezone": "Europe/Berlin"})
    assert changed.status_code == 200
    assert await owner.find("created = 2026-03-03") == {"child"}
    assert await owner.find("created = 2026-03-03T00:30") == {"child"}
    assert await owner.find("created = 2026-03-02T23:30Z") == {"child"}
    await owner.client.put("/api/user", json={"timezone": "UTC"})


INJECTIONS: Final = (
    "' OR 1=1",
    "' OR '1'='1",
    '" OR ""="',
    "x') OR (1=1) --",
    "1=1",
    "true",
    "user_id = '{victim}'",
    "status = FAILED OR user_id = '{victim}'",
    'UserId = "{victim}" OR id != x',
    "id = '{run}'",
    "id = {run} OR id != none",
    "id = '{run}' OR graph_id = '{graph}' OR parent = '{run}'",
    "id ~ {run}",
    "{run}",
    "{graph}",
    "NOT (id = {run}) OR id = {run}",
    "name = '{run}' OR NOT name = x",
    "preset_id = p1 OR preset_id != p1",
    "status != FAILED OR status = FAILED",
    "created > 1970-01-01",
    "error ~ '%' OR error !~ '%'",
    'error ~ "\' OR user_id IS NOT NULL --"',
    "error ~ '\\'' OR 1=1 --'",
    "name ~ '%') OR (user_id != '''",
    "status = FAILED /* x */ OR id != x",
    "status = FAILED; DELETE FROM graph_executions",
    "status = FAILED--",
    "＇ OR 1=1",
    "name = ʼ OR ʼʼ=ʼ",
    "name ~ “%” OR 1=1",
    "id = $1 OR id = :user_id OR id = %(user_id)s OR id = {{user_id}}",
    "graph_executions.user_id = '{victim}'",
    "inputs ~ private",
)


@pytest.mark.parametrize("injection", INJECTIONS)
async def test_no_query_shows_or_changes_somebody_elses_run(
    gateway: Gateway, owners: tuple[Owner, Owner], injection: str
) -> None:
    attacker, victim = owners
    me = (await victim.client.get("/api/user")).json()["id"]
    query = injection.format(victim=me, run=victim.runs["failed"], graph=victim.graphs["report"])
    before = await gateway.row_counts()
    for path in ("/api/executions", f"/api/graphs/{attacker.graphs['report']}/executions"):
        response = await attacker.client.get(path, params={"query": query})
        if response.status_code == 400:
            refused = assert_refused(response, 400, "INVALID_REQUEST")
            assert refused["error"]["details"]["column"] >= 1
            continue
        assert response.status_code == 200, response.text
        body = response.json()
        shown = body if isinstance(body, list) else body["executions"]
        assert {run["id"] for run in shown} <= set(attacker.runs.values())
        total = response.headers.get("X-Total-Count") or body["pagination"]["total_items"]
        assert int(total) == len(shown)
    assert await gateway.row_counts() == before


async def test_the_same_query_finds_each_owners_own(owners: tuple[Owner, Owner]) -> None:
    for owner, other in (owners, owners[::-1]):
        assert await owner.find("status = FAILED OR name ~ research") == {"failed", "child", "running"}
        assert await owner.find(f"id = {other.runs['failed']} OR parent = {other.runs['failed']}") == set()
        assert await owner.find(f"graph_id = {other.graphs['report']} OR {other.graphs['report']}") == set()
        foreign = await owner.client.get(
            f"/api/graphs/{other.graphs['report']}/executions", params={"query": "status = FAILED"}
        )
        assert_refused(foreign, 404, "NOT_FOUND")


async def test_a_deleted_run_is_not_found(gateway: Gateway) -> None:
    database = database_for(gateway.settings.postgres.database_url.get_secret_value(), application_name="tests")
    user_id = UserId(f"user-{uuid4()}")
    async with gateway.user(user_id) as client:
        owner = await _settle(PostgresExecutionRecorder(database), client, user_id)
        assert (await client.delete(f"/api/executions/{owner.runs['done']}")).status_code == 204
        assert await owner.find("status = COMPLETED") == {"child"}
        assert await owner.find(f"id = {owner.runs['done']}") == set()
    await database.close()


async def test_a_query_that_is_wrong_is_refused_with_its_place(owner: Owner) -> None:
    for path in ("/api/executions", f"/api/graphs/{owner.graphs['report']}/executions"):
        response = await owner.client.get(path, params={"query": "status = FAILED AND stats > 3"})
        refused = assert_refused(response, 400, "INVALID_REQUEST")
        assert refused["detail"].startswith(
            "The query is wrong at column 21: 'stats' is not a field. Did you mean status?"
        )
        assert refused["error"]["details"] == {
            "column": 21,
            "expected": refused["error"]["details"]["expected"],
            "example": "status = FAILED",
        }
        for query in ("x" * 2_001, "\x00", "(" * 21 + "x", "status = FAILED " * 51):
            assert_refused(await owner.client.get(path, params={"query": query}), 400, "INVALID_REQUEST")
        raw = await owner.client.get(f"{path}?query=%ff%fe%00")
        assert_refused(raw, 400, "INVALID_REQUEST")
