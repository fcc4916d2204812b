"""``make demo``: exit status 0 only if every query got the kind of answer it had to get."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.broker import Broker, broker
from benchmarks.demo.app import App, Outcome
from benchmarks.demo.processes import node_process, worker_process
from benchmarks.demo.queries import PRIVATE, QUERIES, QUEUED
from benchmarks.demo.table import print_table
from edge_runtime.errors import EdgeError

_NODE = "demo"
_WORKER = "demo-worker"
_FINAL = ("ok", "error")


def main() -> int:
    """Run the demo; return the exit status."""
    started = time.monotonic()
    llm = os.environ.get("EDGE_LLM_URL") or os.environ.get("OPENAI_BASE_URL") or "inspect"
    try:
        with ExitStack() as stack:
            running = stack.enter_context(broker())
            print(f"broker: {running.kind} on {running.url}, MQTT {running.protocol}")
            print(f"llm: {llm}" + (" (shows what an LLM would get)" if llm == "inspect" else ""))
            state = stack.enter_context(tempfile.TemporaryDirectory(prefix="edge-demo-"))
            outcomes = _run(running, llm, Path(state))
    except (OSError, EdgeError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    problems = [problem for outcome in outcomes if (problem := _problem(outcome))]
    print_table(outcomes, problems)
    print(f"\n{len(outcomes)} queries, {len(problems)} wrong, {time.monotonic() - started:.1f} s")
    return 1 if problems else 0


def _run(running: Broker, llm: str, state: Path) -> list[Outcome]:
    app = App(running, _NODE)
    app.start()
    try:
        with node_process(running, _NODE, state):
            with worker_process(running, _WORKER, llm):
                app.wait_online("node")
                app.wait_online(_WORKER)
                outcomes = []
                for number, query in enumerate(QUERIES):
                    outcome = app.send(number, query)
                    app.wait_answer(outcome, _FINAL)
                    outcomes.append(outcome)
            app.wait_online(_WORKER, online=False)
            outcome = app.send(len(QUERIES), QUEUED)
            app.wait_answer(outcome, ("queued",))
            with worker_process(running, _WORKER, llm):
                app.wait_answer(outcome, _FINAL)
            return [*outcomes, outcome]
    finally:
        app.stop()


def _problem(outcome: Outcome) -> str | None:
    """Return what is wrong with the answers to a query."""
    query, final = outcome.query, outcome.final
    statuses = [answer.status for answer, _ in outcome.answers]
    left = b"".join(outcome.left).decode()
    if final.error is not None:
        return f"{query.text!r}: {final.error.message}"
    if final.source != query.source or not query.fits(final):
        return f"{query.text!r} got {final.result} from {final.source}"
    if query is QUEUED and statuses != ["queued", "ok"]:
        return f"{query.text!r} got {statuses} instead of queued, then ok"
    if bool(left) != (query.source == "cloud"):
        return f"{query.text!r}: {len(left)} bytes left the device"
    if leaked := [value for value in PRIVATE if value in left]:
        return f"{query.text!r}: {leaked} left the device"
    return None


if __name__ == "__main__":
    sys.exit(main())
