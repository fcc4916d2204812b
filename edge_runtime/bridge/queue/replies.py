"""What a worker's reply means for whoever asked; pure."""

from __future__ import annotations

import msgspec

from edge_runtime.errors import EdgeError
from edge_runtime.messages import Answer, ErrorInfo


def as_error(info: ErrorInfo) -> EdgeError:
    """Return a worker's error as one of this device, with its code and type."""
    error = EdgeError(info.message)
    error.code, error.kind = info.code, info.type
    return error


def timed(answer: Answer, total_s: float, cloud_s: float) -> Answer:
    """Return the answer with its milliseconds: what was neither inferred nor cloud was waiting."""
    cloud = max(0.0, cloud_s * 1000)
    queue_ms = max(0.0, total_s * 1000 - answer.ms.infer - cloud)
    return msgspec.structs.replace(
        answer,
        ms=msgspec.structs.replace(answer.ms, queue=round(queue_ms, 3), cloud=round(cloud, 3)),
    )
