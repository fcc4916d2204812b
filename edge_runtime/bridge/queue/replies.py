"""What a worker's reply means for whoever asked; pure."""

from __future__ import annotations

import re

import msgspec

from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, ErrorInfo, Reply

_ERROR_CODE = re.compile(r"[45][0-9]{2}", re.ASCII)
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_LONGEST = 2000
_BUSY = {"unavailable", "llm_overloaded"}  # types of 503: the worker or its LLM has no time
_LONGEST_RETRY_S = 86_400.0


def plausible(reply: Reply) -> Reply:
    """Return the reply without negative numbers: nothing is paid back, nor takes less than no time.

    What it says is data, and is added to sums and shown to whoever asked.
    """
    return msgspec.structs.replace(
        reply,
        cost_usd=max(0.0, reply.cost_usd),
        prompt_tokens=max(0, reply.prompt_tokens),
        generation_tokens=max(0, reply.generation_tokens),
        cloud_ms=max(0.0, reply.cloud_ms),
    )


def as_error(info: ErrorInfo) -> EdgeError:
    """Return a worker's error as one of this device, with its code and type.

    What it says is data, and goes into a property of MQTT that a control character or 65,536 bytes
    would break: a code that is no error's is 502, and texts are cut off.
    """
    error = EdgeError(info.message[:_LONGEST])
    error.code = info.code if _ERROR_CODE.fullmatch(info.code) else "502"
    error.kind = info.type if _KIND.fullmatch(info.type) else "worker"
    if info.retry_after_s is not None:
        error.retry_after_s = min(max(0.0, info.retry_after_s), _LONGEST_RETRY_S)
    return error


def is_busy(info: ErrorInfo) -> bool:
    """Whether nobody has looked at the query, so that it cannot be its own fault."""
    return info.code == "429" or (info.code == "503" and info.type in _BUSY)


def timed(answer: Answer, total_s: float, cloud_s: float) -> Answer:
    """Return the answer with its milliseconds: what was neither inferred nor cloud was waiting."""
    cloud = max(0.0, cloud_s * 1000)
    queue_ms = max(0.0, total_s * 1000 - answer.ms.infer - cloud)
    return msgspec.structs.replace(
        answer,
        ms=msgspec.structs.replace(answer.ms, queue=round(queue_ms, 3), cloud=round(cloud, 3)),
    )


def given_up(why: str) -> EdgeError:
    """Return the error of a query that failed too often."""
    error = EdgeError(f"given up, it failed too often: {why}")
    error.kind = "given_up"
    return error


def cancelled(by: str = "whoever asked") -> EdgeError:
    """Return the error of a query that is not wanted any more."""
    error = EdgeError(f"cancelled by {by}")
    error.code, error.kind = "499", "cancelled"
    return error
