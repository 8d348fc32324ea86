"""Which failures of an AWS call are worth another try, without importing boto3 (the hub stays standard library only).

botocore has retried a few times before it raises; what comes out here as RetryableError is for Step Functions to
retry, minutes later.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from contracts.errors import RetryableError

# Source: "Common errors" of the DynamoDB, S3, SNS and Step Functions API references.
TRANSIENT_CODES = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
# botocore's own errors for a connection that could not be made or broke; they carry no response.
CONNECTION_ERRORS = frozenset(
    {
        "ConnectTimeoutError",
        "ConnectionClosedError",
        "EndpointConnectionError",
        "ReadTimeoutError",
        "HTTPClientError",
        "IncompleteReadError",
    }
)

Handle = TypeVar("Handle", bound=Callable[..., Any])


def code(error: BaseException) -> str:
    """The error code of an AWS answer (`NoSuchKey`, ...), or an empty string for any other exception."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def is_transient(error: BaseException) -> bool:
    """Whether the same call may succeed later."""
    names = {
        kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("botocore.")
    }
    return code(error) in TRANSIENT_CODES or bool(names & CONNECTION_ERRORS)


def retryable(handle: Handle) -> Handle:
    """Decorator of a handler: a transient failure leaves it as RetryableError, which the state machine retries."""

    @functools.wraps(handle)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return handle(*args, **kwargs)
        except Exception as error:
            if is_transient(error):
                raise RetryableError(f"{type(error).__name__}: {error}") from error
            raise

    return guarded  # type: ignore[return-value]  # same signature by construction; ParamSpec would lose Lambda's (event, context)
