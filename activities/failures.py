"""The one place where our errors become Temporal's.

SniperError -> ApplicationError with the class name as its type, so that histories say what happened. Only what no
retry can mend is marked non-retryable.
"""

from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import AccessDenied, InvalidInput, SniperError

_HOPELESS = (InvalidInput, AccessDenied)


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
                str(error), type=type(error).__name__, non_retryable=isinstance(error, _HOPELESS)
            ) from error
