"""What the command line tells of a run that has ended."""

import io
from datetime import UTC, datetime

from rich.console import Console

from perdure_client.models import ExecutionStatus, GraphExecution, Stats
from services.cli.run_view import print_result


def printed(stats: Stats) -> str:
    now = datetime.now(UTC)
    execution = GraphExecution.model_construct(
        id="e", status=ExecutionStatus.COMPLETED, created_at=now, outputs={"y": [1]}, stats=stats, error=None
    )
    console = Console(file=io.StringIO(), width=200)
    print_result(console, execution)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def make_stats(*, omitted_outputs: int) -> Stats:
    return Stats.model_construct(
        duration=1.0, node_exec_count=3, omitted_outputs=omitted_outputs, failed_nodes=[], starved_nodes=[]
    )


def test_outputs_that_were_left_out_are_counted() -> None:
    assert "7 more outputs" in printed(make_stats(omitted_outputs=7))


def test_nothing_is_said_of_outputs_that_are_complete() -> None:
    assert "more outputs" not in printed(make_stats(omitted_outputs=0))
