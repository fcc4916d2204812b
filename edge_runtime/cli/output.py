"""Answers for people: the result first, then how sure, from where, and why."""

from __future__ import annotations

import sys

import msgspec

from edge_runtime.messages import Answer, encode


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """Print to stdout; an error answer without ``--json`` goes to stderr."""
    if as_json:
        _write(encode(answer).decode())
    elif answer.error is not None:
        print(f"error: {answer.error.message}", file=sys.stderr)
    else:
        # what a large model wrote keeps its lines
        text = (answer.result or {}).get("text") if answer.source == "cloud" else None
        _write(f"{text or headline(answer)}\n  {details(answer)}")


def headline(answer: Answer) -> str:
    """Return the answer itself in one line."""
    result = answer.result or {}
    if answer.task == "tag":
        return "  ".join(f"{e['text']} [{e['label']}]" for e in result["entities"]) or "(none)"
    if answer.task == "embed":
        return " ".join(f"{value:.6f}" for value in result["vector"])
    if "text" in result:
        return " ".join(str(result["text"]).split())
    if answer.task == "classify":
        return f"{result['label']} ({result['score']:.2f})"
    speech = result["command"]["speech"] if "command" in result else None
    parts = [*filter(None, [speech]), f"intent {result['intent']}"]
    spans = [*result.get("slots", []), *result.get("entities", [])]
    parts += [f"{span['text']} [{span['label']}]" for span in spans]
    return "  ".join(parts)


def details(answer: Answer) -> str:
    """Return source, confidence, guarantee, reasons and time in one line."""
    parts: list[str] = [answer.source if answer.status == "ok" else answer.status]
    parts.append(f"confidence {answer.confidence:.2f}")
    if answer.guarantee is not None:
        guarantee = answer.guarantee
        parts.append(f"error <= {guarantee.alpha:g} with certainty {1 - guarantee.delta:g}")
    parts += [reason for reason in answer.reason if not reason.startswith("confidence ")]
    if answer.redacted:
        parts.append(f"redacted {' '.join(answer.redacted)}")
    total = sum(msgspec.structs.astuple(answer.ms))
    return f"{'; '.join(parts)}  [{answer.model}, {total:.1f} ms]"


def _write(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "backslashreplace") + b"\n")
    sys.stdout.buffer.flush()
