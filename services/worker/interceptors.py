"""Where our errors become Temporal's: one place for all activities."""

import structlog
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from activities.execute_block import NodeExecutionFailedError
from models.errors import AppError


class WorkerInterceptor(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Activities(next)


class _Activities(ActivityInboundInterceptor):
    """AppError becomes an ApplicationError whose type is the code; log context does not leak into the next activity."""

    async def execute_activity(self, input: ExecuteActivityInput) -> object:
        structlog.contextvars.clear_contextvars()
        try:
            return await self.next.execute_activity(input)
        except NodeExecutionFailedError as error:
            raise ApplicationError(
                error.failure.message,
                error.failure,
                type=error.failure.code,
                non_retryable=not error.retry,
                next_retry_delay=error.retry_after,
            ) from None
        except AppError as error:
            raise ApplicationError(error.message, type=error.code, non_retryable=not error.retryable) from error
