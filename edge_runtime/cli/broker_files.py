"""``broker-files``: a broker's configuration, and a name with its rights for each who uses it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.options import Json
from edge_runtime.errors import ConfigError

if TYPE_CHECKING:
    from edge_runtime.bridge.access.roles import Role
    from edge_runtime.bridge.access.site import Site

_Names = list[str] | None


def broker_files(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where to write; kept for later.")
    ],
    node: Annotated[_Names, typer.Option(help="A device. Repeatable, as are all names.")] = None,
    client: Annotated[_Names, typer.Option(help="An app that asks nodes.")] = None,
    worker: Annotated[_Names, typer.Option(help="An edge-cloud worker beside an LLM.")] = None,
    operator: Annotated[
        _Names, typer.Option(help="Commands nodes and sets policies; sees no texts.")
    ] = None,
    home: Annotated[
        _Names, typer.Option(help="Home Assistant or Node-RED: a client that also shows nodes.")
    ] = None,
    remove: Annotated[
        _Names, typer.Option(metavar="NAME", help="Take away rights, password and certificate.")
    ] = None,
    tls: Annotated[
        _Names, typer.Option(metavar="HOST", help="Serve TLS under this name or address.")
    ] = None,
    mtls: Annotated[
        bool | None,
        typer.Option("--mtls/--passwords", help="Certificates for the names, or passwords."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="8883, without TLS 1883, if left out.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the broker's files will stand.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the broker will keep its store.")
    ] = None,
    commands_topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="Where nodes publish home commands.")
    ] = None,
    hermes: Annotated[
        bool | None, typer.Option("--hermes/--no-hermes", help="Nodes answer Hermes, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write mosquitto's configuration with TLS, ACL, and a password or certificate for each name.

    Run it again with more names to add them, with --remove to take one away, and once a year to
    renew certificates. Secrets that are there are kept. Without --tls the broker serves its own
    machine only.
    """
    from edge_runtime.bridge.access.directory import read_site, write_site
    from edge_runtime.bridge.access.site import Site

    before = read_site(output) or Site()
    given: list[tuple[Role, _Names]] = [
        ("node", node), ("client", client), ("worker", worker), ("operator", operator),
        ("home", home),
    ]  # fmt: skip
    changed = {
        "hosts": tls, "mtls": mtls, "port": port, "at": at, "data": data,
        "commands_topic": commands_topic, "hermes": hermes,
    }  # fmt: skip
    site = msgspec.structs.replace(
        before,
        members=_members(before, given, remove or []),
        **{key: value for key, value in changed.items() if value is not None},
    )
    if not site.members:
        raise ConfigError("for whom? give names, for example --node kitchen --client phone")
    written = write_site(output, site, dt.datetime.now(dt.UTC))
    if as_json:
        facts = {**msgspec.to_builtins(site), "written": [str(path) for path in written]}
        print(msgspec.json.encode(facts).decode())
        return
    removed = [path for path in written if not path.exists()]
    for path in removed:
        print(f"removed {path}")
    for directory, number in Counter(path.parent for path in written).items():
        if directory != output / "users":
            print(f"wrote {directory}: {number} file{'s' if number > 1 else ''}")
    for line in _next_steps(output, site):
        print(f"next: {line}")


def _members(before: Site, given: list[tuple[Role, _Names]], removed: list[str]) -> dict[str, Role]:
    members = dict(before.members)
    for name in removed:
        if members.pop(name, None) is None:
            raise ConfigError(f"--remove {name}: there is no such name here")
    for role, names in given:
        for name in names or []:
            if members.get(name, role) != role:
                raise ConfigError(
                    f"{name} is a {members[name]} already; a name has one role, so take another "
                    f"name for the {role}, or --remove it first"
                )
            members[name] = role
    return members


def _next_steps(output: Path, site: Site) -> list[str]:
    secrets = f"{site.at}/broker-key.pem" if site.hosts else ""
    secrets += "" if site.mtls else f" {site.at}/passwords"
    owned = f"sudo chown mosquitto: {secrets.strip()}"
    is_there = (output / "broker").resolve() == Path(site.at)
    copied = "" if is_there else f"sudo cp {output}/broker/* {site.at}/ && "
    steps = [
        f"on the broker's machine: {copied}{owned} && sudo systemctl restart mosquitto",
        f"copy {output}/users/NAME/* to /etc/edge-runtime/ of each machine, for its service's user",
    ]
    if site.hosts:
        steps.append(f"keep {output}/authority away from all of them: its key makes users")
    return steps
