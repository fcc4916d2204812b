"""One message of ``mqtt watch`` as one line for people."""

from __future__ import annotations

import time

from edge_runtime.bridge.protocol.traffic import Seen

_RED, _GREEN, _YELLOW, _DIM, _END = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"
_COLOURS = {"200": _GREEN, "online": _GREEN, "202": _YELLOW, "offline": _RED}
_QUIET = {"health", "info", "status", "worker", "policy/state"}
_LONGEST = 200
_MISSING = "-"


def line(seen: Seen, *, colour: bool) -> str:
    """Return time, node, kind, client, task, status, source, ms, confidence, and the rest."""
    moment = time.localtime(seen.time)
    stamp = f"{time.strftime('%H:%M:%S', moment)}.{int(seen.time % 1 * 1000):03}"
    cells = [
        stamp,
        f"{_plain(seen.node):12}",
        f"{_plain(seen.kind):12}",
        f"{_plain(seen.client):10}",
        f"{_plain(seen.task):8}",
        _coloured(f"{_plain(seen.status):7}", seen.status, colour=colour),
        f"{_plain(seen.source):5}",
        f"{_MISSING if seen.ms is None else f'{seen.ms:.1f}':>8}",
        f"{_MISSING if seen.confidence is None else f'{seen.confidence:.2f}':>4}",
    ]
    rest = [_cut(_plain(seen.detail))] if seen.detail else []
    if seen.text:
        rest.append(f'"{_cut(_plain(seen.text[: _LONGEST + 1]))}"')
    said = "  ".join([" ".join(cells), *rest]).rstrip()
    return f"{_DIM}{said}{_END}" if colour and seen.kind in _QUIET else said


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _plain(text: str | None) -> str:
    """Return it without what could steer a terminal: anybody may have written it."""
    if not text:
        return _MISSING
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown.encode("utf-8", "backslashreplace").decode()


def _coloured(cell: str, status: str | None, *, colour: bool) -> str:
    if not colour or status is None:
        return cell
    return f"{_COLOURS.get(status, _RED)}{cell}{_END}"
