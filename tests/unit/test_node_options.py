"""What a node says about itself in `metadata`: title, retry, time limit."""

from typing import Any

import pytest

from activities.planning.node_options import MAX_TITLE, read_retry, read_timeout_seconds, title_of
from activities.planning.validate import check_structure
from models.blocks import RETRY_TRANSIENT
from models.errors import GraphValidationError, InvalidRequestError
from models.graph import Node
from tests.builders import make_node
from tests.sample_blocks import EchoBlock, FlakyBlock, ShortTimeoutBlock, WriteBlock, sample_registry

BLOCKS = sample_registry()


@pytest.mark.parametrize(
    ("metadata", "field", "says"),
    [
        ({"retry": "often"}, "retry", "must be an object"),
        ({"retry": {"max_attempts": 0}}, "max_attempts", "between 1 and 100, not 0"),
        ({"retry": {"max_attempts": 101}}, "max_attempts", "between 1 and 100, not 101"),
        ({"retry": {"max_attempts": 1.5}}, "max_attempts", "whole number, not 1.5"),
        ({"retry": {"max_attempts": True}}, "max_attempts", "must be a number, not True"),
        ({"retry": {"initial_seconds": "1"}}, "initial_seconds", "must be a number, not '1'"),
        ({"retry": {"initial_seconds": -1}}, "initial_seconds", "between 0.001 and 86400, not -1"),
        ({"retry": {"backoff": 0.5}}, "backoff", "between 1 and 100, not 0.5"),
        ({"retry": {"max_seconds": float("nan")}}, "max_seconds", "between 0.001 and 86400, not nan"),
        ({"timeout_seconds": float("inf")}, "timeout_seconds", "between 0.1 and 2592000, not inf"),
        ({"timeout_seconds": 0}, "timeout_seconds", "between 0.1 and 2592000, not 0"),
        ({"timeout_seconds": 10**400}, "timeout_seconds", "between 0.1 and 2592000, not 1000"),
        ({"timeout_seconds": [1]}, "timeout_seconds", "must be a number, not [1]"),
        ({"timeout_seconds": "x" * 10**6}, "timeout_seconds", "must be a number, not 'xxx"),
    ],
)
def test_bad_options_name_node_and_field(metadata: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(GraphValidationError) as caught:
        check_structure([make_node("a", "echo", metadata)], [], BLOCKS)
    message = caught.value.node_errors["a"]["metadata"]
    assert field in message
    assert says in message
    assert len(message) < 300


def test_options_override_the_block_one_by_one() -> None:
    node = make_node("a", "flaky", {"retry": {"max_attempts": 7, "backoff": None}, "timeout_seconds": 5})
    retry = read_retry(node, FlakyBlock)
    assert (retry.max_attempts, retry.initial_seconds, retry.backoff) == (7, 0.01, FlakyBlock.retry_policy().backoff)
    assert read_timeout_seconds(node, FlakyBlock) == 5


def test_defaults_come_from_the_block() -> None:
    plain = make_node("a", "any")
    assert read_retry(plain, EchoBlock).max_attempts == RETRY_TRANSIENT.max_attempts
    assert read_retry(plain, WriteBlock).max_attempts == 1
    assert read_timeout_seconds(plain, ShortTimeoutBlock) == 0.2


def test_unreadable_options_raise_alone_too() -> None:
    with pytest.raises(InvalidRequestError):
        read_retry(make_node("a", "echo", {"retry": [3]}), EchoBlock)


@pytest.mark.parametrize(
    ("node", "title"),
    [
        (make_node("a", "echo", {"customized_name": " Mine "}), "Mine"),
        (make_node("a", "echo", {"title": "Other"}), "Other"),
        (make_node("a", "echo", {"customized_name": "", "title": 5}), "Echo"),
        (make_node("a", "echo", {"customized_name": "x" * 500}), "x" * MAX_TITLE),
        (make_node("a", "short_timeout"), "Short Timeout"),
        (make_node("a", "agent_output_block", name="result"), "Agent Output: result"),
    ],
)
def test_titles(node: Node, title: str) -> None:
    assert title_of(node, BLOCKS.get(node.block_id)) == title
