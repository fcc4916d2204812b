"""The verb ``rootfs`` of ``edge-flash``: its options, and what they mean."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edge_devices.flash.debian import PYTHONS, Debian
from edge_devices.flash.image_command import add_node_options, node_of, source_of
from edge_devices.flash.node_files import host_name
from edge_devices.flash.rootfs import Plan, build_rootfs

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(verbs: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "rootfs",
        help="build a whole Debian for arm64 with the node in it",
        description="Build an image of Debian for arm64 that boots by UEFI, in virtual machines "
        "and on boards that have it, with the node installed. Needs Debian's mmdebstrap and "
        "qemu-user-static, neither root nor loop devices. It holds secrets: mode 0600.",
    )
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="IMG", help="the image that is made"
    )
    add_node_options(parser)
    system = parser.add_argument_group("system")
    system.add_argument(
        "--suite", choices=sorted(PYTHONS), default="bookworm", help="bookworm if left out"
    )
    system.add_argument("--hostname", help="from the node's name if left out")
    system.add_argument(
        "--kernel", default="linux-image-arm64", metavar="PACKAGE",
        help="linux-image-cloud-arm64 is smaller, for virtual machines alone",
    )  # fmt: skip
    system.add_argument(
        "--package", action="append", default=[], metavar="NAME", help="one more; repeatable"
    )
    system.add_argument(
        "--overlay", type=Path, metavar="DIR", help="files that are put over the system"
    )
    system.add_argument(
        "--size-mib", type=int, default=1536, help="of the root file system; 1536 if left out"
    )
    system.add_argument("--mirror", default="", metavar="URL", help="Debian's if left out")
    system.add_argument("--command-line", default="quiet", metavar="WORDS", help="for the kernel")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    debian = Debian(options.suite, options.kernel, tuple(options.package), options.mirror)
    host = options.hostname or host_name(options.node)
    plan = Plan(host, options.size_mib, options.overlay, options.command_line)
    built = build_rootfs(
        options.out,
        debian,
        plan,
        source=source_of(options),
        node=node_of(options),
        bundles=options.bundle,
        say=lambda what: print(what, file=sys.stderr),  # noqa: T201
    )
    print(  # noqa: T201
        f"{options.out}: Debian {debian.suite}, {built.installed_mb:.0f} MB of edge-runtime, "
        f"root={built.root}"
    )
