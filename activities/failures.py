"""The one place where our errors become Temporal's.

SniperError -> ApplicationError with the class name as its type, so that histories say what happened. Only a value that
no retry can mend is marked non-retryable: a key that is refused today may be mended while a position waits.
"""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import InvalidInput, SniperError


class TranslatedFailures(Interceptor):
    """Translates what any activity of a worker raises."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - name given by the SDK
        return _Translating(next)


class _Translating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - name given by the SDK
        try:
            return await super().execute_activity(input)
        except SniperError as error:
            raise ApplicationError(
                str(error), type=type(error).__name__, non_retryable=isinstance(error, InvalidInput)
            ) from error
