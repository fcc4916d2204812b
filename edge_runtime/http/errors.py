"""What goes wrong with a request, and OpenAI's error object for it."""

from __future__ import annotations

import re
from typing import Any

from edge_runtime.errors import BadRequestError, ConfigError, EdgeError
from edge_runtime.tasks.generation_options import GenerationOptions

RETRY_AFTER_S = 1

_TYPES = {"401": "authentication_error", "403": "permission_error", "429": "rate_limit_error"}
_INTERNAL = 500
_OPTION = re.compile(r"options: (\w+) ")


class ParameterError(BadRequestError):
    """A parameter is wrong, or its value is not supported; ``param`` is its path in the body."""

    def __init__(self, message: str, param: str, kind: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.kind = kind


class ModelNotFoundError(EdgeError, LookupError):
    """This server does not offer the model."""

    code = "404"
    kind = "model_not_found"


class BusyError(EdgeError, BlockingIOError):
    """As many requests wait for the model as may."""

    code = "429"
    kind = "rate_limit_exceeded"


class KeyRequiredError(EdgeError, PermissionError):
    """The request does not carry the server's key."""

    code = "401"
    kind = "invalid_api_key"


class ForeignHostError(EdgeError, PermissionError):
    """The request is for another host: a page in a browser was led here (DNS rebinding)."""

    code = "403"
    kind = "foreign_host"


class MediaTypeError(EdgeError, ValueError):
    """The body does not say that it is JSON, which a page in a browser could send from anywhere."""

    code = "415"
    kind = "unsupported_media_type"


def error_object(error: EdgeError) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body.

    What the device is to blame for goes without its message, which may hold paths.
    """
    status, message = int(error.code), str(error)
    param: str | None = None
    if isinstance(error, ConfigError):  # something that was asked for is not installed
        status = 400
    elif isinstance(error, ParameterError):
        param = error.param
    elif (found := _OPTION.match(message)) is not None:
        message = message.removeprefix("options: ")
        param = found[1] if found[1] in GenerationOptions.__struct_fields__ else None
    elif status == _INTERNAL:
        message = "the model could not answer; see the server's log"
    kind = _TYPES.get(str(status))
    kind = kind or ("server_error" if status >= _INTERNAL else "invalid_request_error")
    return status, error_body(message, kind=kind, param=param, code=error.kind)


def error_body(message: str, *, kind: str, code: str, param: str | None = None) -> dict[str, Any]:
    """Return OpenAI's error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
