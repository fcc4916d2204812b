"""``policy``: what the owner allows, why a text is answered as it is, and what else could be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from edge_runtime.cli.options import BundleOption, Json
from edge_runtime.cli.run import make_app
from edge_runtime.errors import BadRequestError, ConfigError
from edge_runtime.settings import Settings, load_settings, read_policy_file

if TYPE_CHECKING:
    from edge_runtime.assistant.explanation import Explanation
    from edge_runtime.bundles.store import Bundle
    from edge_runtime.routing.policy import OwnerPolicy
    from edge_runtime.routing.policy_document import Problem
    from edge_runtime.routing.query_records import Record
    from edge_runtime.routing.simulation import Past, Totals

policy = make_app("policy", "What the owner allows, and why a text is answered as it is.")

Client = Annotated[
    str, typer.Option(metavar="NAME", help="The client whose rules and budget count.")
]
PolicyFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]", help="A policy, or an edge.toml with one; that in force if left out."
    ),
]


@policy.command("show")
def show(client: Client = "local", as_json: Json = False) -> None:
    """Show the policy in force, and what is left of its budgets."""
    settings = load_settings()
    governor = settings.governor()
    owner, accounts = governor.policy, governor.accounts(client)
    if as_json:
        left = [{"account": each.name, "spent": each.said()} for each in accounts]
        print(msgspec.json.encode({"policy": owner, "budgets": left}).decode())
        return
    print(f"policy of {settings.policy_file or 'the settings'}")
    document: dict[str, Any] = msgspec.to_builtins(owner)
    for name, value in document.items():
        if not isinstance(value, dict | list | tuple):
            print(f"  {name} {'no limit' if value is None else value}")
    from edge_runtime.routing.rules import label_of

    for number, rule in enumerate(owner.rules, 1):
        conditions = msgspec.to_builtins(rule)
        conditions = {k: v for k, v in conditions.items() if isinstance(v, list | tuple)}
        said = ", ".join(f"{name} {' | '.join(values)}" for name, values in conditions.items())
        print(f"{label_of(rule, number)}: {said or 'every query'}: {rule.effects()}")
    for table in ("gates", "cache", "sessions"):
        for name, value in msgspec.structs.asdict(getattr(owner, table)).items():
            said = " ".join(value) if isinstance(value, tuple | list) else value
            print(f"{table}.{name} {'not set' if said is None or said == '' else said}")
    for kind, what in owner.redaction.items():
        print(f"redaction.{kind} {what}")
    for account in accounts:
        print(f"budget of {account.said()}")


@policy.command("explain")
def explain(
    text: Annotated[str, typer.Argument(help="The text.")],
    client: Client = "local",
    privacy: Annotated[
        str | None, typer.Option(metavar="local|redact|cloud", help="As the request would ask.")
    ] = None,
    when_offline: Annotated[
        str | None, typer.Option(metavar="local|queue|fail", help="As the request would ask.")
    ] = None,
    max_cost_usd: Annotated[
        float | None, typer.Option(min=0, help="As the request would ask.")
    ] = None,
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Tell each step of the decision about a text, and what bytes would leave; asks nobody."""
    from edge_runtime.cli.answering import open_assistant
    from edge_runtime.messages import Request

    given = {"privacy": privacy, "when_offline": when_offline, "max_cost_usd": max_cost_usd}
    asked = {name: value for name, value in given.items() if value is not None}
    try:
        request = msgspec.convert({"text": text, "client": client, "policy": asked}, Request)
    except msgspec.ValidationError as exc:
        raise BadRequestError(f"policy: {exc}") from exc
    settings = load_settings()
    found = open_assistant(settings, bundle, brief=True).explain(request)
    _print_explanation(found, settings.llm_url, as_json=as_json)


@policy.command("check")
def check(file: PolicyFile = None, bundle: BundleOption = None, as_json: Json = False) -> None:
    """Find what is wrong in a policy, and rules that can never match or change nothing."""
    settings = load_settings() if file is None else Settings()
    path = file or _file_in_force(settings)
    problems = _problems(path, load_settings().bundle if bundle is None else bundle)
    for each in problems:
        kind = "warning" if each.is_warning else "error"
        if as_json:
            row = {"file": str(path), "line": each.line, "kind": kind, "message": each.said}
            print(msgspec.json.encode(row).decode())
        else:
            print(f"{path}:{each.line}: {kind}: {each.said}")
    if not problems and not as_json:
        print(f"{path}: nothing is wrong")
    if any(not each.is_warning for each in problems):
        raise typer.Exit(1)


@policy.command("simulate")
def simulate(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="What query_log wrote.")],
    other: Annotated[
        Path | None,
        typer.Option(
            "--policy", metavar="FILE", help="The policy to try; else only that in force."
        ),
    ] = None,
    bundle: BundleOption = None,
    as_json: Json = False,
) -> None:
    """Decide about past queries again, under another policy and the one in force."""
    from edge_runtime.bundles.store import Store
    from edge_runtime.routing.simulation import Past
    from edge_runtime.routing.simulation import simulate as simulated

    settings = load_settings()
    policies = {"in force": settings.owner_policy()}
    if other is not None:
        policies[other.name] = read_policy_file(other)
    past = Past.of(_records(log))
    opened = Store(settings.state_directory).look(bundle or settings.bundle)
    if "intent" not in opened.manifest.heads:
        raise ConfigError(f"bundle {opened.manifest.name!r} has no intents, so it decides nothing")
    near = _nearness(opened, past, policies)
    totals = {name: simulated(past, each, opened.manifest, near) for name, each in policies.items()}
    if as_json:
        print(msgspec.json.encode(totals).decode())
    else:
        print("\n".join(_table(totals)))


def _print_explanation(found: Explanation, llm_url: str | None, *, as_json: bool) -> None:
    payload = found.payload if llm_url is None else _prompt(found)
    receiver = llm_url or "a worker"
    if as_json:
        row = {
            "outcome": found.outcome,
            "steps": found.steps,
            "reasons": found.reasons,
            "leaves": found.leaves,
            "receiver": receiver,
            "payload": payload.decode(),
            "payload_bytes": len(payload),
        }
        print(msgspec.json.encode(row).decode())
        return
    for step in found.steps:
        print(f"{'*' if step.speaks else ' '} {step.kind:<10} {step.said}")
    if found.leaves is None:
        print("nothing leaves the device")
        return
    when = "now" if found.outcome == "escalate" else "once it may"
    note = "the id is another one each time" if llm_url is None else "the model's name goes with it"
    print(f"{len(payload)} bytes leave {when}, to {receiver} ({note}):")
    print(payload.decode())


def _prompt(found: Explanation) -> bytes:
    """Return what an endpoint is sent instead of the escalation: the messages of its chat."""
    from edge_runtime.bridge.cloud.prompt import build_messages

    if found.leaves is None:
        return b""
    messages = [{"role": role, "content": said} for role, said in build_messages(found.leaves)]
    return msgspec.json.encode({"messages": messages})


def _file_in_force(settings: Settings) -> Path:
    if settings.policy_file is not None:
        return Path(settings.policy_file).expanduser()
    import os

    from edge_runtime.places import config_files

    for each in map(Path, config_files(os.environ)):
        if each.exists():
            return each
    raise ConfigError("there is no policy file and no edge.toml; name the file to check")


def _problems(path: Path, bundle: str) -> list[Problem]:
    import tomllib

    from edge_runtime.bundles.store import Store
    from edge_runtime.routing.policy_document import read_document, read_policy, warnings

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"the policy {path} cannot be read: {exc}") from exc
    try:
        is_settings = "policy" in tomllib.loads(text) or path.name == "edge.toml"
    except tomllib.TOMLDecodeError:
        is_settings = False
    owner: OwnerPolicy | None
    if is_settings:
        settings, problems = read_document(text, Settings)
        owner = None if settings is None else settings.policy
    else:
        owner, problems = read_policy(text)
    if owner is None:
        return problems
    manifest = Store(load_settings().state_directory).look(bundle).manifest
    return warnings(owner, manifest, text, ("policy",) if is_settings else ())


def _records(path: Path) -> list[Record]:
    from edge_runtime.routing.query_records import read_record

    records = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as exc:
        raise ConfigError(f"the log {path} cannot be read: {exc.strerror}") from exc
    for number, line in enumerate(lines, 1):
        try:
            records.append(read_record(line))
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise BadRequestError(f"{path}:{number} is no line of a query log: {exc}") from exc
    return records


def _nearness(
    opened: Bundle, past: Past, policies: dict[str, OwnerPolicy]
) -> dict[str, dict[str, float]]:
    """Return the cosines of logged texts with what the rules describe; loads the bundle if so."""
    from edge_runtime.routing.rules import descriptions

    wanted = descriptions(rule for each in policies.values() for rule in each.rules)
    texts = {each.text for each in past.queries if each.text is not None}
    if not wanted or not texts:
        return {}
    from edge_runtime.assistant.governing.question import Nearness
    from edge_runtime.tasks.encoder import Encoder

    near = Nearness(Encoder(opened))
    return {text: near(text, wanted) or {} for text in texts}


def _table(totals: dict[str, Totals]) -> list[str]:
    width = max(10, *map(len, totals))
    lines = [f"{'':<10}" + "".join(f"  {name:>{width}}" for name in totals)]
    for name in next(iter(totals.values())).__struct_fields__:
        values = [getattr(each, name) for each in totals.values()]
        lines.append(f"{name:<10}" + "".join(f"  {value:>{width}.6g}" for value in values))
    return lines
