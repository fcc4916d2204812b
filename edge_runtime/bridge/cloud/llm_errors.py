"""What a node may know of a failed call: endpoints may write keys or parts of the prompt."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from edge_runtime.messages import ErrorInfo

RETRY_AFTER_S = 5.0
_LONGEST_RETRY_AFTER_S = 3600.0  # an endpoint whose clock is wrong must not stop a worker for days
_CREDENTIALS = {401, 403}
_RETRYABLE = {408, 409, 425}
_SERVER_ERROR = 500
_TOO_MANY = 429
_TOO_LARGE = 413
_NO_QUOTA = "insufficient_quota"


def status_error(status: int, kind: str | None, headers: Mapping[str, str]) -> ErrorInfo:
    """Return what an HTTP status means; ``kind`` is the code in OpenAI's error object.

    ``headers`` are looked up in lower case. The types ``rate_limited`` and ``llm_overloaded`` are
    those that ask for patience.
    """
    after_s = retry_after_s(headers.get("retry-after"))
    if status == _TOO_MANY and kind == _NO_QUOTA:
        return budget("the account at the LLM has no quota left")
    if status == _TOO_MANY:
        return ErrorInfo("429", "rate_limited", "the LLM takes no more requests now", after_s)
    if status in _CREDENTIALS:
        return ErrorInfo("403", "llm_denied", "the LLM refuses the worker's credentials")
    if status in _RETRYABLE or status >= _SERVER_ERROR:
        kind = "llm_overloaded" if "retry-after" in headers else "llm_unavailable"
        return ErrorInfo("503", kind, f"the LLM answered {status}", after_s)
    code = "413" if status == _TOO_LARGE else "400"
    return ErrorInfo(code, "llm_refused", f"the LLM answered {status}; see the worker's log")


def retry_after_s(value: str | None, default_s: float = RETRY_AFTER_S) -> float:
    """Return the seconds of a Retry-After header, which may hold a date (RFC 9110, 10.2.3)."""
    try:
        seconds = default_s if value is None else float(value)
    except ValueError:
        seconds = _until(value or "", default_s)
    return default_s if math.isnan(seconds) else min(max(0.0, seconds), _LONGEST_RETRY_AFTER_S)


def _until(date: str, default_s: float) -> float:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return default_s


def unavailable(message: str, after_s: float = RETRY_AFTER_S) -> ErrorInfo:
    """Return the error for an endpoint that may answer later."""
    return ErrorInfo("503", "llm_unavailable", message, after_s)


def budget(message: str, after_s: float | None = None) -> ErrorInfo:
    """Return the error for a call that may not be paid."""
    return ErrorInfo("429", "budget", message, after_s)
