"""Our errors as Temporal sees them: the class name is the type, and only a hopeless value is not retried."""

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.failures import TranslatedFailures
from domain.errors import (
    AccessDenied,
    InvalidInput,
    LeaseLost,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    StoreUnavailable,
    TryAgain,
)

INVALID = InvalidInput("session", value="x", expected="one", remedy="give it")
AN_ACTIVITY = ExecuteActivityInput(fn=lambda: None, args=(), executor=None, headers={})


class Raising(ActivityInboundInterceptor):
    """The activity itself."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> object:  # noqa: A002 - name given by the SDK
        raise self._error


@pytest.mark.parametrize(
    ("error", "hopeless"),
    [
        (INVALID, True),
        (AccessDenied("key"), False),
        (PriceRefused("cap"), False),
        (TryAgain("busy"), False),
        (RateLimited("slow"), False),
        (OutcomeUnknown("?"), False),
        (LeaseLost("gone"), False),
        (StoreUnavailable("away"), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_only_a_value_that_no_retry_mends_is_not_retried(error: Exception, hopeless: bool) -> None:
    """A refused key may be mended while a position waits."""
    with pytest.raises(ApplicationError) as raised:
        await TranslatedFailures().intercept_activity(Raising(error)).execute_activity(AN_ACTIVITY)

    assert raised.value.type == type(error).__name__
    assert raised.value.non_retryable is hopeless
    assert raised.value.__cause__ is error


async def test_a_bug_is_not_dressed_up() -> None:
    """Ordinary exceptions pass unchanged."""
    with pytest.raises(ZeroDivisionError):
        await TranslatedFailures().intercept_activity(Raising(ZeroDivisionError())).execute_activity(AN_ACTIVITY)
