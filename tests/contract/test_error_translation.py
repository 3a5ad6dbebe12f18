"""Errors of activities as Temporal gets them: one place, for every error we raise."""

from typing import Any

import pytest
import structlog
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.execute_block import NodeExecutionFailedError
from models.errors import AppError, NotFoundError, ServiceUnavailableError
from models.wire import BlockFailure
from services.worker.interceptors import WorkerInterceptor


class Activity(ActivityInboundInterceptor):
    """Ends as told; remembers the log context it began with."""

    def __init__(self, error: BaseException | None = None) -> None:
        self._error = error
        self.log_context: dict[str, Any] = {}

    async def execute_activity(self, input: ExecuteActivityInput) -> str:
        self.log_context = structlog.contextvars.get_contextvars()
        structlog.contextvars.bind_contextvars(user_id="somebody")
        if self._error is not None:
            raise self._error
        return "done"


async def execute(activity: Activity) -> object:
    call = ExecuteActivityInput(fn=lambda: None, args=[], executor=None, headers={})
    return await WorkerInterceptor().intercept_activity(activity).execute_activity(call)


async def translated(error: BaseException) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await execute(Activity(error))
    return caught.value


async def test_result_passes_through() -> None:
    assert await execute(Activity()) == "done"


@pytest.mark.parametrize(
    ("error", "type_", "non_retryable"),
    [
        (NotFoundError("gone"), "not_found", True),
        (ServiceUnavailableError("away"), "service_unavailable", False),
        (AppError("broken"), "system_error", True),
    ],
)
async def test_app_errors_keep_code_and_whether_to_retry(error: AppError, type_: str, non_retryable: bool) -> None:
    translated_error = await translated(error)
    assert translated_error.message == error.message
    assert (translated_error.type, translated_error.non_retryable) == (type_, non_retryable)
    assert translated_error.details == ()


@pytest.mark.parametrize("retry", [True, False])
async def test_failed_node_executions_carry_what_the_workflow_routes(retry: bool) -> None:
    failure = BlockFailure(message="it broke", code="block_transient", seconds=1.5)
    error = await translated(NodeExecutionFailedError(failure, retry=retry))
    assert (error.message, error.type, error.non_retryable) == ("it broke", "block_transient", not retry)
    assert error.details == (failure,)
    assert error.__cause__ is None


async def test_other_exceptions_are_left_to_temporal() -> None:
    with pytest.raises(ZeroDivisionError):
        await execute(Activity(ZeroDivisionError()))


async def test_log_context_of_one_activity_does_not_reach_the_next() -> None:
    await execute(Activity())
    second = Activity()
    await execute(second)
    assert second.log_context == {}
