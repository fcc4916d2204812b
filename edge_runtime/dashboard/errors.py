"""Why a request of the page is refused."""

from __future__ import annotations

from edge_runtime.errors import EdgeError


class SignInError(EdgeError, PermissionError):
    """Nobody has signed in, or the token is wrong."""

    code = "401"
    kind = "sign_in"


class ForeignRequestError(EdgeError, PermissionError):
    """The request is for another host, or comes from a page of another one."""

    code = "403"
    kind = "foreign_request"


class ReadOnlyError(EdgeError, PermissionError):
    """This dashboard only shows."""

    code = "403"
    kind = "read_only"


class MediaTypeError(EdgeError, ValueError):
    """The body does not say that it is JSON, which a page of another site could send."""

    code = "415"
    kind = "unsupported_media_type"
