"""The golden set of a release, from a file with a JSON object on each line."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_runtime.bundles.store import Bundle
from edge_runtime.errors import BundleError, ConfigError
from edge_runtime.messages import Answer, Request, RequestPolicy
from edge_runtime.updates.contents import Golden
from edge_runtime.updates.golden import Begin

# of a result: what says what was meant, and stays the same on another processor
_TELLING = ("intent", "label")


def read_golden(path: Path, bundle: Bundle | None) -> list[Golden]:
    """Read ``{"text":…,"task":"ask","expect":{"intent":…}}``, one on each line.

    Where ``expect`` is left out, the bundle's own answer says it: its intent or its label.

    Raises:
        ConfigError: the file cannot be read, or a line of it.
        BundleError: the bundle does not load, or gives no such answer.
    """
    rows = []
    try:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            if line.strip():
                rows.append(_row(line, f"{path}:{number}"))
    except OSError as exc:
        raise ConfigError(f"{path}: {exc.strerror}") from exc
    if not rows:
        raise ConfigError(f"{path} holds no text")
    if bundle is None or all(row.expect for row in rows):
        return rows
    from edge_runtime.assistant.pipeline import Assistant

    begin = Assistant(bundle).begin
    return [row if row.expect else _answered(row, begin) for row in rows]


def _row(line: bytes, where: str) -> Golden:
    try:
        return msgspec.json.decode(line, type=Golden)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ConfigError(f'{where} is not like {{"text":"…","expect":{{…}}}}: {exc}') from exc


def _answered(row: Golden, begin: Begin) -> Golden:
    request = Request(text=row.text, task=row.task, policy=RequestPolicy(privacy="local"))
    answer = begin(request)
    result = (answer.result if isinstance(answer, Answer) else None) or {}
    expect = {key: result[key] for key in _TELLING if key in result}
    if not expect:
        raise BundleError(
            f"{row.text!r}: the answer has neither an intent nor a label, so say what to expect of "
            "it"
        )
    return msgspec.structs.replace(row, expect=expect)
