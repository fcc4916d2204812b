"""The image that is booted: made by ``edge-flash rootfs``, with a shell on its serial port."""

from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.boot.guest import HOST, SHELL_UNIT
from edge_devices.flash.debian import Debian
from edge_devices.flash.image_command import add_node_options, node_of, source_of
from edge_devices.flash.rootfs import Built, Plan, build_rootfs

NODE = "boot-test"
PORT = 18_831  # of the broker on this machine; it stands in the image

_TIMEOUT_S = 300
_REPOSITORY = Path(__file__).parents[2]
_SIZE_MIB = 1024
_PASSWORD = "not used: the broker of the test lets everybody in"
# the broker is on this machine, and the way to it inside the emulator
_SETTINGS = "mqtt_allow_plain = true\n[policy]\nprivacy = 'cloud'\nwhen_offline = 'queue'\n"


def build_wheel(directory: Path) -> Path:
    """Build the wheel of this checkout.

    Raises:
        OSError: it cannot be built.
    """
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    done = subprocess.run(
        command, cwd=_REPOSITORY, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise OSError(f"the wheel cannot be built: {done.stderr.strip().splitlines()[-1:]}")
    [wheel] = directory.glob("edge_runtime-*.whl")
    return wheel


def unpack_wheel(wheel: Path, directory: Path) -> Path:
    """Unpack the wheel, so that this machine runs the same code as the guest."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def build_image(out: Path, wheel: Path, work: Path, say: Callable[[str], None]) -> Built:
    """Build the image.

    Raises:
        FlashError: a program is missing or fails.
    """
    (work / "settings.toml").write_text(_SETTINGS)
    (work / "password").write_text(_PASSWORD)
    (work / "password").chmod(0o600)
    parser = argparse.ArgumentParser()
    add_node_options(parser)
    options = parser.parse_args(
        ["--node", NODE, "--broker", f"mqtt://{NODE}@{HOST}:{PORT}", "--runtime", str(wheel),
         "--config", str(work / "settings.toml"), "--password-file", str(work / "password")]
    )  # fmt: skip
    debian = Debian("bookworm", "linux-image-cloud-arm64")
    plan = Plan(NODE, _SIZE_MIB, shell_overlay(work / "overlay"), "console=ttyAMA0 quiet")
    return build_rootfs(
        out, debian, plan, source=source_of(options), node=node_of(options), say=say
    )


def shell_overlay(directory: Path) -> Path:
    """Make the files that give a system a shell on its serial port."""
    units = directory / "etc/systemd/system"
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True)
    (units / "edge-shell.service").write_text(SHELL_UNIT)
    (wants / "edge-shell.service").symlink_to("../edge-shell.service")
    (units / "serial-getty@ttyAMA0.service").symlink_to("/dev/null")
    return directory
