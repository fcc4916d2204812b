"""An image prepared by ``edge-flash image``: what it is given, what its first boot has to do."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchmarks.boot.build import NODE, PORT
from benchmarks.boot.guest import HOST, Guest
from benchmarks.boot.lookalike import TEMPLATES, boot_files, boot_partition
from edge_devices.flash.cli import main as edge_flash
from edge_devices.flash.wifi import wifi_network

_PASSWORD = "correct horse battery staple"
_WIFI, _WIFI_PASSWORD = "Home 'n' garden", "over the hills and far away"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq1 me@desk"
_USER = "maker"


def prepare(base: Path, image: Path, wheel: Path, work: Path) -> None:
    """Run ``edge-flash image`` with everything that a user can give it.

    Raises:
        OSError: it fails.
    """
    texts = {
        "password": _PASSWORD, "wifi": _WIFI_PASSWORD, "key.pub": f"{_KEY}\n",
        "settings.toml": "mqtt_allow_plain = true\n",
    }  # fmt: skip
    for name, text in texts.items():
        (work / name).write_text(text)
        (work / name).chmod(0o600)
    command = [
        "image", "--base", str(base), "-o", str(image), "--runtime", str(wheel), "--node", NODE,
        "--broker", f"mqtt://{NODE}@{HOST}:{PORT}", "--password-file", str(work / "password"),
        "--config", str(work / "settings.toml"), "--user", _USER,
        "--ssh-key", str(work / "key.pub"), "--wifi", _WIFI,
        "--wifi-password-file", str(work / "wifi"), "--wifi-country", "DE",
    ]  # fmt: skip
    if edge_flash(command) != 0:
        raise OSError("edge-flash image failed")


def first_boot_faults(guest: Guest, said: str) -> list[str]:
    """Return what the first boot did wrong; ``said`` is what its log has to hold."""
    home = f"/home/{_USER}/.ssh/authorized_keys"
    expected = {
        "hostname": NODE,
        "stat -c %a /etc/edge-runtime/mqtt-password": "600",
        "cat /etc/edge-runtime/mqtt-password": _PASSWORD,
        "ls /boot/firmware/edge-runtime | grep -E 'secret|installation|settings|nmconn|old'": "",
        f"cat {home}": _KEY,
        f"stat -c '%a %U' {home}": f"600 {_USER}",
        "systemctl is-active edge-runtime": "active",
        f"grep -rlF {shlex.quote(_wifi_key())} /boot/firmware": "",
        "cat /proc/cmdline | grep -o systemd.run=": "",
        "cat /boot/firmware/edge-runtime/first-boot.log": said,
    }
    wrong = []
    for command, answer in expected.items():
        if (found := guest.shell(command)) != answer:
            wrong.append(f"{command}: {found!r} instead of {answer!r}")
    places = "/etc/NetworkManager/system-connections /etc/netplan"
    found = guest.shell(f"grep -rlF {shlex.quote(_wifi_key())} {places} 2>/dev/null")
    if not found:
        wrong.append("the system does not know the Wi-Fi")
    elif (mode := guest.shell(f"stat -c %a {found}")) != "600":
        wrong.append(f"{found} has mode {mode}")
    return wrong


def left_behind(image: Path) -> list[str]:
    """Return what of the secrets is still on the boot partition, in any block of it."""
    content = boot_partition(image)
    secrets = {"password": _PASSWORD, "Wi-Fi key": _wifi_key()}
    wrong = [f"{n} left on the boot partition" for n, s in secrets.items() if s.encode() in content]
    found = boot_files(image, TEMPLATES)
    changed = [name for name, text in found.items() if text != TEMPLATES[name]]
    return wrong + [f"{name} is not as it came" for name in changed]


def _wifi_key() -> str:
    return wifi_network(_WIFI, _WIFI_PASSWORD, "DE").key
