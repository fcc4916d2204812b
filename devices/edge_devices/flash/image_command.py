"""The verb ``image`` of ``edge-flash``: its options, and what they mean."""

from __future__ import annotations

import argparse
import getpass
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edge_devices.flash.errors import FlashError
from edge_devices.flash.first_boot import Owner
from edge_devices.flash.image import make_image
from edge_devices.flash.installation import Source
from edge_devices.flash.node_files import NodeFiles, host_name, node_files
from edge_devices.flash.wifi import Wifi, wifi_network

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_OTHERS = 0o077
# option -> setting of edge.toml that names the file on the board
_FILES = {
    "password_file": "mqtt_password_file",
    "key_file": "mqtt_key_file",
    "ca_file": "mqtt_ca_file",
    "cert_file": "mqtt_cert_file",
}
_SECRET = {"password_file", "key_file", "wifi_password_file"}


def add(verbs: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "image",
        help="make an image that comes up as a node, from one of Raspberry Pi OS",
        description="Put an installation, bundles, settings and credentials on the boot partition "
        "of a stock image of Raspberry Pi OS (64-bit, bookworm or trixie); its first boot makes "
        "the board a node, without a network. The image holds secrets until then: mode 0600.",
    )
    parser.add_argument(
        "--base", type=Path, required=True, metavar="IMG", help="the stock image, .img or .img.xz"
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="IMG", help="the image that is made"
    )
    add_node_options(parser)
    access = parser.add_argument_group("access, as in Raspberry Pi Imager")
    access.add_argument("--hostname", help="from the node's name if left out")
    access.add_argument("--user", default="", help="a user who may use sudo; needs --ssh-key")
    access.add_argument(
        "--ssh-key", type=Path, action="append", default=[], metavar="FILE",
        help="a public key, for that user; repeatable",
    )  # fmt: skip
    access.add_argument("--wifi", metavar="SSID", help="the password is asked for, or a file's")
    access.add_argument("--wifi-password-file", type=Path, metavar="FILE", help="its first line")
    access.add_argument("--wifi-country", metavar="CC", help="two letters, such as DE")
    parser.set_defaults(run=_run)


def add_node_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which node it is, and what is installed."""
    node = parser.add_argument_group("node")
    node.add_argument("--node", required=True, metavar="NAME", help="its name on the broker")
    node.add_argument(
        "--broker", required=True, metavar="URL", help="mqtts://USER@HOST; mqtt:// on this board"
    )
    node.add_argument(
        "--password-file", type=Path, metavar="FILE", help="the broker's password for this node"
    )
    node.add_argument("--ca-file", type=Path, metavar="FILE", help="who signs for the broker, PEM")
    node.add_argument("--cert-file", type=Path, metavar="FILE", help="this node's certificate, PEM")
    node.add_argument("--key-file", type=Path, metavar="FILE", help="its private key, PEM")
    node.add_argument(
        "--config", type=Path, metavar="FILE", help="further settings, as in edge.toml"
    )
    node.add_argument(
        "--bundle", type=Path, action="append", default=[], metavar="DIR",
        help="a bundle; the first is the node's; the one that ships if left out; repeatable",
    )  # fmt: skip
    install = parser.add_argument_group("installation")
    install.add_argument(
        "--runtime", metavar="WHAT",
        help="what pip installs: a wheel, or a requirement such as 'edge-runtime[http]'; this "
        "version if left out",
    )  # fmt: skip
    install.add_argument(
        "--wheels", type=Path, metavar="DIR",
        help="take all packages from here: wheels for aarch64, as `pip download` fetches them",
    )  # fmt: skip


def source_of(options: argparse.Namespace) -> Source:
    """Return where the packages come from.

    Raises:
        FlashError: a directory is missing, or nothing says which version.
    """
    if options.wheels is not None and not options.wheels.is_dir():
        raise FlashError(f"--wheels {options.wheels} is no directory")
    runtime = options.runtime
    if runtime is None:
        try:
            runtime = f"edge-runtime=={metadata.version('edge-runtime')}"
        except metadata.PackageNotFoundError as exc:
            raise FlashError("which edge-runtime? give --runtime WHEEL") from exc
    return Source(runtime, options.wheels)


def node_of(options: argparse.Namespace) -> NodeFiles:
    """Return the files of the node that the options name.

    Raises:
        FlashError: one cannot be read, is open to others, or is wrong.
    """
    contents = {
        setting: _read(getattr(options, option), f"--{option.replace('_', '-')}")
        for option, setting in _FILES.items()
        if getattr(options, option) is not None
    }
    settings = "" if options.config is None else _read(options.config, "--config")
    return node_files(
        options.node,
        options.broker,
        bundle=options.bundle[0].resolve().name if options.bundle else None,
        settings=settings,
        contents=contents,
    )


def _run(options: argparse.Namespace) -> None:
    if not options.base.is_file():
        raise FlashError(f"--base {options.base} is no file")
    keys = tuple(_read(path, "--ssh-key").strip() for path in options.ssh_key)
    owner = Owner(options.hostname or host_name(options.node), options.user, keys, _wifi(options))
    made = make_image(
        options.base,
        options.out,
        source=source_of(options),
        node=node_of(options),
        owner=owner,
        bundles=options.bundle,
        say=_say,
    )
    print(  # noqa: T201
        f"{options.out}: {made.system.name}, Python {made.system.python}; {made.installed_mb:.0f} "
        f"MB installed, {made.archive_mb:.0f} MB packed, {made.free_mb:.0f} MB left for booting"
    )
    # where sudo looks for programs, a virtual environment is not
    print(f'next: sudo "$(command -v edge-flash)" write {options.out} /dev/sdX')  # noqa: T201


def _wifi(options: argparse.Namespace) -> Wifi | None:
    if options.wifi is None:
        return None
    if options.wifi_country is None:
        raise FlashError("--wifi needs --wifi-country, which says what channels are allowed")
    if options.wifi_password_file is not None:
        lines = _read(options.wifi_password_file, "--wifi-password-file").splitlines()
        password = lines[0] if lines else ""
    elif sys.stdin.isatty():
        password = getpass.getpass(f"password of {options.wifi}: ")
    else:
        raise FlashError("--wifi needs --wifi-password-file where nobody can be asked")
    return wifi_network(options.wifi, password, options.wifi_country)


def _read(path: Path, option: str) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise FlashError(f"{option} {path} cannot be read: {exc}") from exc
    if option.strip("-").replace("-", "_") in _SECRET and mode & _OTHERS:
        raise FlashError(f"{option} {path} is open to others; run: chmod 600 {path}")
    return text


def _say(what: str) -> None:
    print(what, file=sys.stderr)  # noqa: T201
