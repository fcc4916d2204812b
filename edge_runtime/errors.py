"""Every error that a user can meet: one root, each also the builtin that it is."""

from __future__ import annotations


class EdgeError(Exception):
    """Root of all errors of this project; its message says what happened and what to do next.

    ``code`` is the status that goes on the wire (DESIGN section 8), ``kind`` its stable name,
    ``retry_after_s`` when to ask again, where that is known.
    """

    code = "500"
    kind = "internal"
    retry_after_s: float | None = None


class BadRequestError(EdgeError, ValueError):
    """The request cannot be understood: wrong JSON, wrong type, empty text, unknown task."""

    code = "400"
    kind = "bad_request"


class TooLargeError(EdgeError, ValueError):
    """The request is larger than the node accepts."""

    code = "413"
    kind = "too_large"


class PolicyDeniedError(EdgeError, PermissionError):
    """The effective policy forbids what the request needs."""

    code = "403"
    kind = "policy_denied"


class OverBudgetError(EdgeError, RuntimeError):
    """The owner's budget is spent; ``retry_after_s`` is how long until some of it is back."""

    code = "429"
    kind = "budget"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimitError(EdgeError, RuntimeError):
    """A client asks more often than the owner allows; ``retry_after_s`` is when it may again."""

    code = "429"
    kind = "rate_limited"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ExpiredError(EdgeError, TimeoutError):
    """The deadline passed before there was a final answer."""

    code = "408"
    kind = "expired"


class UnavailableError(EdgeError, ConnectionError):
    """A broker, worker or LLM cannot be reached now."""

    code = "503"
    kind = "unavailable"


class UnusableAnswerError(EdgeError, ValueError):
    """A large model answered, and its answer must not be delivered; the message says why."""

    code = "502"
    kind = "unusable_answer"


class NotSentError(UnavailableError):
    """Nobody could be asked, and nothing left the device."""


class BundleError(EdgeError, ValueError):
    """A bundle cannot be used; the message names the file."""

    code = "500"
    kind = "bundle"


class BundleNotFoundError(BundleError, FileNotFoundError):
    """No bundle has this name, and no directory with this path."""

    kind = "bundle_not_found"


class TamperedBundleError(BundleError):
    """A file differs from what the manifest says."""

    kind = "bundle_tampered"


class UpdateError(EdgeError, RuntimeError):
    """A release cannot be taken; what runs stays as it is."""

    kind = "update"


class UnsupportedTaskError(EdgeError, ValueError):
    """The bundle has no head for this task."""

    code = "400"
    kind = "unsupported_task"


class BusyError(EdgeError, RuntimeError):
    """A model is in use by the same thread that asks for it again."""

    code = "503"
    kind = "busy"


class MemoryLimitError(EdgeError, MemoryError):
    """A bundle needs more memory than the settings allow; the message says by how much."""

    code = "503"
    kind = "memory_limit"


class ConfigError(EdgeError, ValueError):
    """A setting is wrong; the message names the setting and its source."""

    kind = "config"
