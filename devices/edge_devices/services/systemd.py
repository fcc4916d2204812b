"""systemd units: one for the whole machine, shut in as far as it goes, and one for a user."""

from __future__ import annotations

from pathlib import Path

from edge_devices.services.plan import NAME, File, Node, Plan

_UNIT = f"{NAME}.service"
_SYSTEM = Path("/etc/systemd/system")
_PRIVATE_STATE = Path("/var/lib/private") / NAME
_STATE = Path("/var/lib") / NAME

# A literal path instead of %d, which systemd knows since 250 only.
_CREDENTIALS = f"/run/credentials/{_UNIT}"

# The node is ready when it answers on this device; whether the broker is there, its status says.
_SERVICE = """\
Type=notify
NotifyAccess=main
# imports and the first session take a while on a small board
TimeoutStartSec=180
WatchdogSec=60
Restart=always
# from 1 s to 5 min; systemd before 254 stays at 1 s and warns of the two lines below it
RestartSec=1
RestartSteps=8
RestartMaxDelaySec=300
# the request at hand is finished first
TimeoutStopSec=30
KillMode=mixed
StandardOutput=journal
StandardError=journal
SyslogIdentifier=edge-runtime
Environment=PYTHONUNBUFFERED=1
"""

# What a user's manager can do without more rights than the user has.
_SHUT_IN = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# threads stay on the big cores, and what tests an update stays behind the node
SystemCallFilter=sched_setaffinity setpriority
SystemCallErrorNumber=EPERM
UMask=0077
"""

_SHUT_IN_WHOLLY = """\
DynamicUser=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
# not ProcSubset=pid, which hides cpuinfo and meminfo: they choose the profile
ProtectProc=invisible
RemoveIPC=yes
KeyringMode=private
"""


def system_plan(node: Node) -> Plan:
    """Return the service of the whole machine; it runs as a user that exists only meanwhile."""
    lines = [
        _section("Service", _SERVICE, _command(node), _settings(node)),
        _directories(node),
        _SHUT_IN_WHOLLY,
        f"ProtectHome={'read-only' if _is_in_home(node.program) else 'yes'}\n",
        _SHUT_IN,
    ]
    unit = "".join(
        [
            _section(
                "Unit",
                "Description=edge-runtime node\n"
                "Documentation=man:systemd.service(5)\n"
                "After=network.target mosquitto.service time-sync.target\n"
                # never gives up: the board may be where nobody comes by
                "StartLimitIntervalSec=0\n",
            ),
            *lines,
            _section("Install", "WantedBy=multi-user.target\n"),
        ]
    )
    return _plan(
        _SYSTEM,
        unit,
        wanted_by="multi-user.target",
        control=("systemctl",),
        made=(Path("/run") / NAME, _SYSTEM / f"{_UNIT}.d"),
        state=(_PRIVATE_STATE, _STATE),
        then=(f"systemctl status {NAME}", f"journalctl -u {NAME} -f"),
    )


def user_plan(node: Node, home: Path) -> Plan:
    """Return the service of one user, which starts when the user logs in."""
    unit = "".join(
        [
            _section(
                "Unit",
                "Description=edge-runtime node\nStartLimitIntervalSec=0\n",
            ),
            _section("Service", _SERVICE, _command(node), _settings(node), _SHUT_IN),
            _section("Install", "WantedBy=default.target\n"),
        ]
    )
    units = home / ".config/systemd/user"
    return _plan(
        units,
        unit,
        wanted_by="default.target",
        control=("systemctl", "--user"),
        made=(units / f"{_UNIT}.d",),
        then=(
            "loginctl enable-linger   # starts it with the board, not only when you log in",
            f"systemctl --user status {NAME}",
            f"journalctl --user -u {NAME} -f",
        ),
    )


def _plan(  # noqa: PLR0913 - all but two are keywords
    directory: Path,
    unit: str,
    *,
    wanted_by: str,
    control: tuple[str, ...],
    made: tuple[Path, ...],
    state: tuple[Path, ...] = (),
    then: tuple[str, ...] = (),
) -> Plan:
    path = directory / _UNIT
    return Plan(
        files=(
            File(path, unit),
            # what `systemctl enable` makes
            File(directory / f"{wanted_by}.wants" / _UNIT, target=str(path)),
        ),
        start=((*control, "daemon-reload"), (*control, "restart", _UNIT)),
        stop=((*control, "stop", _UNIT),),
        reload=((*control, "daemon-reload"), (*control, "reset-failed", _UNIT)),
        made=made,
        state=state,
        then=then,
    )


def _section(name: str, *parts: str) -> str:
    return f"{'' if name == 'Unit' else chr(10)}[{name}]\n{''.join(parts)}"


def _command(node: Node) -> str:
    return f"ExecStart={_quoted(str(node.program))} serve\n"


def _settings(node: Node) -> str:
    """Return the variables, and the secrets as credentials that only this service can read."""
    lines = [
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in node.environment.items()
    ]
    for variable, path in node.credentials.items():
        name = variable.lower()
        lines += [
            f"LoadCredential={name}:{_escaped(str(path))}\n",
            f"Environment={variable}={_CREDENTIALS}/{name}\n",
        ]
    return "".join(lines)


def _directories(node: Node) -> str:
    group = f"Group={node.group}\n" if node.group else ""
    return (
        f"{group}StateDirectory={NAME}\n"
        "StateDirectoryMode=0700\n"
        f"Environment=EDGE_STATE={_STATE}\n"
        f"RuntimeDirectory={NAME}\n"
        f"RuntimeDirectoryMode={'0750' if node.group else '0700'}\n"
    )


def _is_in_home(path: Path) -> bool:
    return any(path.is_relative_to(home) for home in ("/home", "/root"))


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
