"""``install-service`` and ``uninstall-service``: the node starts with the board."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_runtime.cli.options import Broker
from edge_runtime.cli.service_settings import service_node
from edge_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edge_devices.services.plan import Node, Plan

_ROOT = Path("/")

User = Annotated[bool, typer.Option("--user", help="For this user, without root.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")]
Root = Annotated[
    Path,
    typer.Option(
        metavar="DIR", help="Write below DIR, for example a mounted image; run no commands."
    ),
]


def install_service(
    broker: Broker = None,
    node: Annotated[str | None, typer.Option(help="This node's name.")] = None,
    http: Annotated[
        str | None, typer.Option(metavar="[ADDRESS]:PORT", help="Speak OpenAI's API here.")
    ] = None,
    user: User = False,
    group: Annotated[
        str, typer.Option(help="Members of this group may use the node's local socket.")
    ] = "",
    edge_run: Annotated[
        Path | None,
        typer.Option("--edge-run", metavar="FILE", help="The command as the service finds it."),
    ] = None,
    root: Root = _ROOT,
    dry_run: DryRun = False,
) -> None:
    """Start `edge-run serve` with the board: a shut-in systemd unit, on Termux one of runit.

    Settings are those of /etc/edge-runtime/edge.toml (with --user of ~/.config), and the options
    given here. Secrets that the settings name are passed as credentials.
    """
    from edge_devices.services.apply import ServiceError, install, run_command, start

    given = {"broker": broker, "node": node, "http": http}
    is_whole = not user and _termux_prefix() is None
    if group and not is_whole:
        raise ConfigError("--group is for the service of the whole machine, not for one user")
    is_here = root == _ROOT and not dry_run
    if is_here:
        _check_machine(user=user)
    program = edge_run or _own_program()
    plan = _plan(service_node(program, given, root, is_whole=is_whole, group=group), user=user)
    if is_whole and is_here:
        _check_program(program)
    if dry_run:
        _show(plan, root)
        return
    try:
        install(plan, root)
    except ServiceError as exc:
        raise ConfigError(f"the service was not installed: {exc}") from exc
    for file in plan.files:
        print(f"wrote {file.path}")
    if not is_here:
        return
    try:
        start(plan, run_command)
    except ServiceError as exc:
        raise ConfigError(f"the service is installed, but does not start: {exc}") from exc
    for line in plan.then:
        print(f"next: {line}")


def uninstall_service(
    user: User = False,
    keep_state: Annotated[
        bool, typer.Option("--keep-state", help="Keep the queue, bundles and memory of the node.")
    ] = False,
    root: Root = _ROOT,
    dry_run: DryRun = False,
) -> None:
    """Stop the service and take away all that it left, its state too.

    The state of a user's service is also that of the user's commands and stays.
    """
    from edge_devices.services.apply import ServiceError, below, remove, run_command
    from edge_devices.services.plan import Node

    plan = _plan(Node(Path("/edge-run")), user=user)
    if dry_run:
        paths = [*(f.path for f in plan.files), *plan.made, *(() if keep_state else plan.state)]
        for path in paths:
            if os.path.lexists(below(root, path)):
                print(f"delete {path}")
        return
    if root == _ROOT and not user and _termux_prefix() is None:
        _check_root("uninstall-service")
    try:
        deleted = remove(
            plan, root, run_command if root == _ROOT else _run_nothing, keep_state=keep_state
        )
    except ServiceError as exc:
        raise ConfigError(f"the service was not removed wholly: {exc}") from exc
    for path in deleted:
        print(f"deleted {path}")
    if not deleted:
        print("no service is installed here")


def _plan(node: Node, *, user: bool) -> Plan:
    from edge_devices.services.runit import termux_plan
    from edge_devices.services.systemd import system_plan, user_plan

    if (prefix := _termux_prefix()) is not None:
        return termux_plan(node, prefix, Path.home())
    return user_plan(node, Path.home()) if user else system_plan(node)


def _termux_prefix() -> Path | None:
    prefix = os.environ.get("PREFIX", "")
    return Path(prefix) if "TERMUX_VERSION" in os.environ and prefix else None


def _check_machine(*, user: bool) -> None:
    prefix = _termux_prefix()
    if prefix is not None:
        if not (prefix / "share/termux-services/svlogger").exists():
            raise ConfigError("there is no runit here: pkg install termux-services")
        return
    if not Path("/run/systemd/system").exists():
        raise ConfigError(
            "this machine does not run systemd; --dry-run shows the unit, --root DIR writes it "
            "for another machine"
        )
    if not user:
        _check_root("install-service")


def _check_root(verb: str) -> None:
    if os.geteuid() != 0:
        raise ConfigError(
            f"the service of the whole machine needs root: sudo {_own_program()} {verb}; "
            "or --user for yours alone"
        )


def _own_program() -> Path:
    """Return where this command is installed, so that the service starts the same one."""
    beside = Path(sys.executable).with_name("edge-run")
    found = str(beside) if beside.exists() else shutil.which("edge-run")
    if found is None:
        raise ConfigError("where is edge-run? give --edge-run FILE")
    return Path(found)


def _check_program(program: Path) -> None:
    """See that a user without rights can start it: homes are often closed to others."""
    if not program.is_absolute():
        raise ConfigError(f"--edge-run {program}: give an absolute path")
    if not program.exists():
        raise ConfigError(f"{program} does not exist; give --edge-run FILE")
    python = Path(sys.executable).resolve()
    for path in (*program.parents, *program.resolve().parents, *python.parents):
        if not path.stat().st_mode & 0o001:
            raise ConfigError(
                f"the service runs as a user of its own, which may not enter {path}; install "
                "edge-runtime into /opt/edge-runtime, or use --user"
            )


def _show(plan: Plan, root: Path) -> None:
    for file in plan.files:
        if file.target is not None:
            print(f"# {file.path} -> {file.target}\n")
        else:
            print(f"# {file.path} (mode {file.mode:04o})\n{file.text}")
    for command in plan.start if root == _ROOT else ():
        print(f"$ {' '.join(command)}")


def _run_nothing(_command: tuple[str, ...]) -> None:
    """Another machine's service manager cannot be asked."""
