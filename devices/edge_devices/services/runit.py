"""Termux: a service of termux-services (runit), and a script for Termux:Boot."""

from __future__ import annotations

import shlex
from pathlib import Path

from edge_devices.services.plan import NAME, File, Node, Plan


def termux_plan(node: Node, prefix: Path, home: Path) -> Plan:
    """Return the service; ``prefix`` is Termux's ``$PREFIX``.

    Android puts a phone to sleep in the middle of an answer unless somebody holds a wake lock.
    """
    service = prefix / "var/service" / NAME
    shell = prefix / "bin/sh"
    settings = "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in [
            *node.environment.items(),
            *((variable, str(path)) for variable, path in node.credentials.items()),
        ]
    )
    run = (
        f"#!{shell}\n"
        "exec 2>&1\n"
        "termux-wake-lock\n"
        f"{settings}"
        f"exec {shlex.quote(str(node.program))} serve\n"
    )
    finish = (
        f"#!{shell}\n"
        "# how it ended; a node that fails at once is not started again at once\n"
        "termux-wake-unlock\n"
        '[ "$1" = 0 ] || sleep 10\n'
    )
    start_all = f". {shlex.quote(str(prefix / 'etc/profile.d/start-services.sh'))}"
    boot = f"#!{shell}\ntermux-wake-lock\n{start_all}\n"
    # a service that is new is started by runsvdir itself, within five seconds
    start = f"{start_all}; sv restart {NAME} 2>/dev/null; true"
    return Plan(
        files=(
            File(service / "run", run, 0o755),
            File(service / "finish", finish, 0o755),
            File(service / "log/run", target=str(prefix / "share/termux-services/svlogger")),
            File(home / ".termux/boot" / NAME, boot, 0o755),
        ),
        start=((str(shell), "-c", start),),
        stop=(("sv", "down", NAME), ("sv", "exit", NAME)),
        made=(
            service / "supervise",
            service / "log/supervise",
            service / "down",
            prefix / "var/log/sv" / NAME,
        ),
        shared=(prefix / "var/service",),
        then=(
            "install the app Termux:Boot and open it once, so that it starts with the phone",
            f"sv status {NAME}",
            f"tail -F $PREFIX/var/log/sv/{NAME}/current",
        ),
    )
