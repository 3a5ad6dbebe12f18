"""Identifiers and the rules by which they are derived.

Ids of our own are UUIDs in text form; node, link and block ids are free text, because clients choose them.
"""

import os
import time
from typing import NewType
from uuid import NAMESPACE_URL, UUID, uuid5

UserId = NewType("UserId", str)
GraphId = NewType("GraphId", str)
NodeId = NewType("NodeId", str)
LinkId = NewType("LinkId", str)
BlockId = NewType("BlockId", str)
GraphExecId = NewType("GraphExecId", str)
NodeExecId = NewType("NodeExecId", str)
ApiKeyId = NewType("ApiKeyId", str)
PresetId = NewType("PresetId", str)
OwnerKeyId = NewType("OwnerKeyId", str)
"""Opaque name of the encryption key of a user; the last part of every workflow id of that user."""

AGENT_EXECUTOR_BLOCK_ID = BlockId("e189baac-8c20-45a1-94a7-55177ea42565")
"""The block that runs another graph; what a node of it holds in `input_default` refers to that graph."""

_WORKFLOW_PREFIX = "graph-exec-"
_EXECUTION_NAMESPACE = uuid5(NAMESPACE_URL, "perdure:graph-execution")


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and increasing with the creation time in milliseconds."""
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds << 80) | random_bits
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(UUID(int=value))


def graph_exec_id_for_key(user_id: UserId, idempotency_key: str) -> GraphExecId:
    """The execution an `Idempotency-Key` of this user stands for, always the same one."""
    return GraphExecId(str(uuid5(uuid5(_EXECUTION_NAMESPACE, user_id), idempotency_key)))


def node_exec_id(graph_exec_id: GraphExecId, node_id: NodeId, firing: int) -> NodeExecId:
    """The id of the `firing`-th (from 0) execution of a node within a graph execution."""
    return NodeExecId(str(uuid5(UUID(graph_exec_id), f"{node_id}:{firing}")))


def child_graph_exec_id(node_exec_id: NodeExecId, generation: int) -> GraphExecId:
    """The run of another graph that a node execution starts; an operator's retry starts another one."""
    return GraphExecId(str(uuid5(UUID(node_exec_id), f"child:{generation}")))


def workflow_id(graph_exec_id: GraphExecId, owner_key_id: OwnerKeyId) -> str:
    """The Temporal workflow id of a graph execution: `graph-exec-{id}.{owner key id}`."""
    return f"{_WORKFLOW_PREFIX}{graph_exec_id}.{owner_key_id}"


def owner_key_id_of(workflow_id: str) -> OwnerKeyId | None:
    """The owner's key id in a workflow id, or None if the workflow is not one of ours."""
    head, dot, tail = workflow_id.rpartition(".")
    return OwnerKeyId(tail) if dot and head and tail else None
