"""Identifiers: unique, ordered, and derived so that repeating gives the same one."""

import time
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.ids import (
    GraphExecId,
    NodeId,
    OwnerKeyId,
    UserId,
    graph_exec_id_for_key,
    new_id,
    node_exec_id,
    owner_key_id_of,
    workflow_id,
)

EXECUTION = GraphExecId("0190b5c5-0000-7000-8000-000000000001")


def test_new_ids_are_version_seven_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [UUID(new_id()) for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == 1000
    assert {(id.version, id.variant) for id in ids} == {(7, "specified in RFC 4122")}
    milliseconds = [id.int >> 80 for id in ids]
    assert milliseconds == sorted(milliseconds)
    assert before <= milliseconds[0] <= milliseconds[-1] <= after


def test_node_execution_ids_differ_by_run_node_and_count() -> None:
    other = GraphExecId(new_id())
    derived = [
        node_exec_id(run, NodeId(node), firing)
        for run in (EXECUTION, other)
        for node in ("a", "a:1", "ä")
        for firing in (0, 1, 10)
    ]
    assert len(set(derived)) == len(derived)
    assert node_exec_id(EXECUTION, NodeId("a"), 0) == derived[0]


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_keyed_execution_ids_of_different_users_or_keys_differ(one: tuple[str, str], two: tuple[str, str]) -> None:
    same_id = graph_exec_id_for_key(UserId(one[0]), one[1]) == graph_exec_id_for_key(UserId(two[0]), two[1])
    assert same_id == (one == two)


def test_a_colon_does_not_move_between_user_and_key() -> None:
    assert graph_exec_id_for_key(UserId("a:b"), "c") != graph_exec_id_for_key(UserId("a"), "b:c")


def test_workflow_id_ends_in_the_owners_key_id() -> None:
    owner = OwnerKeyId("0123456789abcdef")
    assert workflow_id(EXECUTION, owner) == f"graph-exec-{EXECUTION}.{owner}"
    assert owner_key_id_of(workflow_id(EXECUTION, owner)) == owner


def test_workflow_ids_without_an_owner_have_none() -> None:
    assert [owner_key_id_of(id) for id in ("", "plain", ".", "a.", ".a")] == [None] * 5
