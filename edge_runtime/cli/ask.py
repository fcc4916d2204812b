"""``ask``: the whole pipeline for one text, with the large model where policy and link allow."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from edge_runtime.assistant.pending import Pending
from edge_runtime.cli.answering import answer_all, open_assistant
from edge_runtime.cli.escalate import Escalate, escalation_route
from edge_runtime.cli.options import Broker, BundleOption, Json, Text
from edge_runtime.cli.settings import load_settings
from edge_runtime.cli.texts import read_texts
from edge_runtime.errors import BadRequestError, ExpiredError, UnavailableError
from edge_runtime.messages import Answer, Reply, Request, RequestPolicy


def ask(
    text: Text,
    privacy: Annotated[
        str | None, typer.Option(metavar="local|redact|cloud", help="What may leave the device.")
    ] = None,
    when_offline: Annotated[
        str | None, typer.Option(metavar="local|queue|fail", help="If nobody can be asked.")
    ] = None,
    max_cost_usd: Annotated[
        float | None, typer.Option(min=0, help="The most that one answer may cost.")
    ] = None,
    deadline_ms: Annotated[
        int | None, typer.Option(min=1, help="The longest wait for the large model.")
    ] = None,
    broker: Broker = None,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="An OpenAI-compatible endpoint, or inspect."),
    ] = None,
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Answer a text here when sure, else ask the large model as the policy allows."""
    settings = load_settings(broker=broker, llm_url=llm)
    asked = {
        "privacy": privacy,
        "when_offline": when_offline,
        "max_cost_usd": max_cost_usd,
        "deadline_ms": deadline_ms,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        policy = msgspec.convert(given, RequestPolicy)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"policy: {exc}") from exc
    assistant = open_assistant(settings, bundle)
    escalate = escalation_route(settings)

    def answer(request: Request) -> Answer:
        begun = assistant.begin(request)
        if isinstance(begun, Answer):
            return begun
        if escalate is None:
            return _alone(begun, "no --broker and no --llm given")
        try:
            return assistant.finish(begun, _reply(escalate, begun))
        except UnavailableError as exc:
            return _alone(begun, str(exc))
        except ExpiredError:
            return begun.expired()

    request = Request(text="", task="ask", policy=policy)
    answer_all(read_texts(text), request, answer, as_json=as_json)


def _reply(escalate: Escalate, pending: Pending) -> Reply:
    return escalate(pending.escalation, pending.deadline_ms / 1e3)


def _alone(pending: Pending, why: str) -> Answer:
    """Answer as the policy says; nothing is queued, since this process has no outbox."""
    answer = pending.offline(why)
    if answer.status != "queued":
        return answer
    reason = [
        *pending.guess.reason,
        why,
        "best guess; not queued: only edge-run serve has an outbox",
    ]
    return msgspec.structs.replace(answer, status="ok", reason=reason)
