"""What the store ports promise beyond what the gateway's tests see."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from infra.migrate import database_for
from infra.stores.execution_recorder import PostgresExecutionRecorder
from models.api_keys import ApiKey, APIKeyManager, ApiKeyStatus, Permission, issue_api_key
from models.errors import IdempotencyKeyReusedError, NotFoundError, PayloadTooLargeError
from models.execution import ExecutionStatus
from models.execution_records import NodeCursor
from models.graph import Graph, Node
from models.ids import ApiKeyId, BlockId, GraphExecId, GraphId, NodeExecId, NodeId, UserId, new_id
from models.pages import PageRequest
from models.stores import UnitOfWorkFactory
from models.users import UserClaims
from models.values import Value
from models.wire import NodeRecord, RunIdentity, RunOpening

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def make_user(units: UnitOfWorkFactory) -> UserId:
    user_id = UserId(f"user-{new_id()}")
    async with units() as unit:
        await unit.users.ensure(UserClaims(id=user_id, email="somebody@example.com"), now=NOW)
    return user_id


def make_stored_graph(
    user_id: UserId, *, graph_id: str | None = None, version: int = 1, is_active: bool = True
) -> Graph:
    return Graph(
        id=GraphId(graph_id or new_id()),
        version=version,
        is_active=is_active,
        name=f"v{version}",
        user_id=user_id,
        created_at=NOW,
        updated_at=NOW,
        nodes=(Node(id=NodeId("n"), block_id=BlockId("echo"), input_default={"k": [1, None]}),),
    )


def make_identity(user_id: UserId) -> RunIdentity:
    return RunIdentity(
        graph_exec_id=GraphExecId(new_id()), graph_id=GraphId(new_id()), graph_version=1, user_id=user_id
    )


async def test_an_error_takes_back_everything_of_its_unit(units: UnitOfWorkFactory) -> None:
    user_id = await make_user(units)
    graph = make_stored_graph(user_id)

    async def change_ones_mind() -> None:
        async with units() as unit:
            await unit.graphs.add_version(graph)
            assert await unit.graphs.find(user_id, graph.id) == graph
            raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        await change_ones_mind()
    async with units() as unit:
        assert await unit.graphs.find(user_id, graph.id) is None


async def test_users_made_at_the_same_time_are_one(units: UnitOfWorkFactory) -> None:
    claims = UserClaims(id=UserId(f"user-{new_id()}"), email="racer@example.com")

    async def ensure() -> str:
        async with units() as unit:
            return (await unit.users.ensure(claims, now=NOW)).key_id

    keys = await asyncio.gather(*(ensure() for _ in range(8)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 16
    with pytest.raises(NotFoundError):
        async with units() as unit:
            await unit.users.update(UserId("nobody"), now=NOW, name="x", email=None, timezone=None)


async def test_a_version_is_stored_once_and_another_active_one_takes_over(units: UnitOfWorkFactory) -> None:
    user_id = await make_user(units)
    first = make_stored_graph(user_id)
    second = make_stored_graph(user_id, graph_id=first.id, version=2)
    third = make_stored_graph(user_id, graph_id=first.id, version=3, is_active=False)
    async with units() as unit:
        for graph in (first, second, third):
            await unit.graphs.add_version(graph)
    async with units() as unit:
        assert await unit.graphs.find_active(user_id, first.id) == second
        assert await unit.graphs.find(user_id, first.id) == third
        assert await unit.graphs.lock_latest_version(user_id, first.id) == 3
        page = await unit.graphs.list_versions(user_id, first.id, PageRequest(page=2, page_size=2), max_bytes=1_000_000)
        assert ([graph.version for graph in page.items], page.total_items) == ([1], 3)


async def test_versions_are_read_no_further_than_a_size(units: UnitOfWorkFactory) -> None:
    user_id = await make_user(units)
    first = make_stored_graph(user_id)
    node = Node(id=NodeId("big"), block_id=BlockId("echo"), metadata={"note": "x" * 10_000})
    big = {"nodes": (node,), "links": ()}
    versions = [first.model_copy(update={**big, "version": version, "is_active": False}) for version in range(1, 7)]
    async with units() as unit:
        for graph in versions:
            await unit.graphs.add_version(graph)
    async with units() as unit:
        with pytest.raises(PayloadTooLargeError, match="page_size"):
            await unit.graphs.list_versions(user_id, first.id, PageRequest(page_size=6), max_bytes=40_000)
        for page in (1, 2):
            wanted = PageRequest(page=page, page_size=3)
            found = await unit.graphs.list_versions(user_id, first.id, wanted, max_bytes=40_000)
            assert len(found.items) == 3


async def test_deleted_graphs_are_found_only_by_who_asks_for_any(units: UnitOfWorkFactory) -> None:
    user_id, stranger = await make_user(units), await make_user(units)
    graph = make_stored_graph(user_id)
    async with units() as unit:
        await unit.graphs.add_version(graph)
        assert await unit.graphs.delete(stranger, graph.id, now=NOW) == 0
        assert await unit.graphs.delete(user_id, graph.id, now=NOW) == 1
        assert await unit.graphs.delete(user_id, graph.id, now=NOW) == 0
        assert await unit.graphs.find(user_id, graph.id) is None
        assert await unit.graphs.lock_latest_version(user_id, graph.id) is None
        assert not await unit.graphs.activate(user_id, graph.id, 1, now=NOW)
        assert await unit.graphs.find_any(user_id, graph.id, version=1) == graph
        assert await unit.graphs.find_any(stranger, graph.id, version=1) is None
        assert await unit.graphs.owns(user_id, graph.id)
        assert not await unit.graphs.owns(stranger, graph.id)


async def test_recording_a_start_never_takes_back_what_the_worker_wrote(
    units: UnitOfWorkFactory, database_url: str
) -> None:
    user_id = await make_user(units)
    run = make_identity(user_id)
    opening = RunOpening(inputs={"x": Value(inline=[1])}, created_at=NOW)
    database = database_for(database_url, application_name="contract")
    recorder = PostgresExecutionRecorder(database)
    await recorder.open_execution(run, opening.model_copy(update={"started_at": NOW + timedelta(seconds=1)}))
    async with units() as unit:
        await unit.executions.ensure_queued(run, opening)
        found = await unit.executions.find(user_id, run.graph_exec_id)
        assert found is not None
        assert found.status is ExecutionStatus.RUNNING
        assert found.inputs == opening.inputs
        assert await unit.executions.list_open(user_id, run.graph_id) == [run.graph_exec_id]
    await database.close()


@pytest.mark.parametrize("first", ["worker", "gateway"])
async def test_masks_of_a_run_are_kept_whoever_records_it_first(
    units: UnitOfWorkFactory, database_url: str, first: str
) -> None:
    user_id = await make_user(units)
    run = make_identity(user_id)
    opening = RunOpening(created_at=NOW, preset_id="p")
    masks = {NodeId("n"): {"pin": Value(inline={"a": None})}}
    database = database_for(database_url, application_name="contract")
    recorder = PostgresExecutionRecorder(database)

    async def by_worker() -> None:
        await recorder.open_execution(run, opening.model_copy(update={"started_at": NOW}))

    async def by_gateway() -> None:
        async with units() as unit:
            await unit.executions.ensure_queued(run, opening, masks=masks)

    for record in (by_worker, by_gateway) if first == "worker" else (by_gateway, by_worker):
        await record()
    await database.close()
    async with units() as unit:
        found = await unit.executions.find(user_id, run.graph_exec_id)
        assert found is not None
        assert (found.status, found.nodes_input_masks, found.preset_id) == (ExecutionStatus.RUNNING, masks, "p")


async def test_the_worker_goes_on_from_a_row_that_was_queued(units: UnitOfWorkFactory, database_url: str) -> None:
    user_id = await make_user(units)
    run = make_identity(user_id)
    opening = RunOpening(created_at=NOW)
    async with units() as unit:
        await unit.executions.ensure_queued(run, opening)
        found = await unit.executions.find(user_id, run.graph_exec_id)
        assert found is not None
        assert (found.status, found.outputs) == (ExecutionStatus.QUEUED, None)
    database = database_for(database_url, application_name="contract")
    started = NOW + timedelta(seconds=1)
    await PostgresExecutionRecorder(database).open_execution(run, opening.model_copy(update={"started_at": started}))
    await database.close()
    async with units() as unit:
        found = await unit.executions.find(user_id, run.graph_exec_id)
        assert found is not None
        assert (found.status, found.started_at) == (ExecutionStatus.RUNNING, started)


async def test_node_executions_of_one_route_seq_are_all_reached_by_cursor(
    units: UnitOfWorkFactory, database_url: str
) -> None:
    user_id = await make_user(units)
    run = make_identity(user_id)
    records = [
        NodeRecord(
            node_exec_id=NodeExecId(new_id()),
            node_id=NodeId(f"n{number % 2}"),
            block_id=BlockId("echo"),
            firing=number,
            status=ExecutionStatus.COMPLETED,
            route_seq=number // 4,
            queued_at=NOW,
            outputs=(("out", Value(inline=number)),),
        )
        for number in range(10)
    ]
    database = database_for(database_url, application_name="contract")
    await PostgresExecutionRecorder(database).record_nodes(run, records, opening=RunOpening(created_at=NOW))
    await database.close()
    seen: list[NodeRecord] = []
    async with units() as unit:
        cursor: NodeCursor | None = None
        while page := await unit.executions.list_nodes(run.graph_exec_id, after=cursor, limit=3):
            seen += page
            cursor = NodeCursor(page[-1].route_seq, page[-1].node_exec_id)
        assert await unit.executions.count_nodes(run.graph_exec_id) == 10
        odd = await unit.executions.list_nodes_of(run.graph_exec_id, [NodeId("n1")])
    assert sorted(record.firing for record in seen) == list(range(10))
    assert [record.route_seq for record in seen] == sorted(record.route_seq for record in seen)
    assert sorted(record.firing for record in odd) == [1, 3, 5, 7, 9]


async def test_an_idempotency_key_is_bound_to_the_first_request(units: UnitOfWorkFactory) -> None:
    user_id, other = await make_user(units), await make_user(units)

    async def reserve(owner: UserId, digest: str) -> bool:
        try:
            async with units() as unit:
                await unit.idempotency_keys.reserve(
                    owner, "key", body_sha256=digest, graph_exec_id=GraphExecId("run"), now=NOW
                )
        except IdempotencyKeyReusedError:
            return False
        return True

    results = await asyncio.gather(*(reserve(user_id, digest) for digest in "abababab"))
    assert sorted(results) == [False] * 4 + [True] * 4
    assert await reserve(other, "c")
    async with units() as unit:
        assert await unit.idempotency_keys.find_digest(user_id, "key") in ("a", "b")
        assert await unit.idempotency_keys.find_digest(user_id, "none") is None


async def test_api_keys_are_changed_only_by_their_owner(units: UnitOfWorkFactory) -> None:
    user_id, stranger = await make_user(units), await make_user(units)
    made = APIKeyManager().generate_api_key()
    key = ApiKey(
        id=ApiKeyId(new_id()),
        user_id=user_id,
        name="Key",
        prefix=made.prefix,
        postfix=made.postfix,
        hash=made.hash,
        created_at=NOW,
    )
    async with units() as unit:
        await unit.api_keys.ensure(key)
        assert await unit.api_keys.get(user_id, key.id) == key
        assert (await unit.api_keys.list_of_user(stranger, PageRequest())).items == ()
        changed = await unit.api_keys.set_permissions(user_id, key.id, frozenset({Permission.READ_GRAPH}))
        assert changed.permissions == {Permission.READ_GRAPH}
        revoked = await unit.api_keys.set_status(user_id, key.id, ApiKeyStatus.REVOKED, now=NOW)
        assert (revoked.status, revoked.revoked_at) == (ApiKeyStatus.REVOKED, NOW)
    for change in (
        lambda unit: unit.api_keys.set_permissions(stranger, key.id, frozenset()),
        lambda unit: unit.api_keys.set_status(stranger, key.id, ApiKeyStatus.ACTIVE, now=NOW),
        lambda unit: unit.api_keys.describe(stranger, key.id, name="mine", description=None),
        lambda unit: unit.api_keys.get(stranger, key.id),
    ):
        with pytest.raises(NotFoundError):
            async with units() as unit:
                await change(unit)


async def test_the_last_use_of_a_key_is_written_by_the_first_of_those_who_saw_the_same(
    units: UnitOfWorkFactory,
) -> None:
    user_id = await make_user(units)
    key, _ = issue_api_key(user_id=user_id, name="Key", now=NOW)
    async with units() as unit:
        await unit.api_keys.ensure(key)

    async def touch(seconds: int) -> None:
        async with units() as unit:
            await unit.api_keys.touch(key, now=NOW + timedelta(seconds=seconds))

    await touch(1)
    await asyncio.gather(*(touch(seconds) for seconds in range(2, 8)))
    async with units() as unit:
        used = await unit.api_keys.get(user_id, key.id)
        assert used.last_used_at == NOW + timedelta(seconds=1)
        await unit.api_keys.touch(used, now=NOW + timedelta(minutes=2))
        assert (await unit.api_keys.list_of_user(user_id, PageRequest())).items[0].last_used_at == NOW + timedelta(
            minutes=2
        )


async def test_users_are_found_by_address_whatever_its_case(units: UnitOfWorkFactory) -> None:
    address = f"{new_id()}@Example.com"
    user_ids = [UserId(f"user-{new_id()}") for _ in range(2)]
    async with units() as unit:
        for number, user_id in enumerate(user_ids):
            await unit.users.ensure(UserClaims(id=user_id, email=address), now=NOW + timedelta(seconds=number))
        found = await unit.users.find_by_email(address.upper())
        assert found is not None
        assert found.id == user_ids[0]
        assert await unit.users.find_by_email("nobody@example.com") is None
