"""``python -m benchmarks.boot.first_boot``: exit status 1 if a prepared image is no node.

Makes images that look like Raspberry Pi OS, prepares them with ``edge-flash image``, boots them in
the emulator, and looks at what the first boot did. The last line of stdout is a JSON document;
progress on stderr.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.boot.app import App
from benchmarks.boot.brokers import fixed_broker
from benchmarks.boot.build import NODE, PORT, build_wheel, unpack_wheel
from benchmarks.boot.guest import HOST, Guest, missing
from benchmarks.boot.lookalike import (
    SUITES,
    TEMPLATES,
    as_firmware,
    boot_files,
    boot_partition,
    make_lookalike,
    system_in,
)
from benchmarks.boot.queries import LOCAL, QUERIES, here, is_same
from benchmarks.harness.report import begin, markdown, publish
from edge_devices.flash.cli import main as edge_flash
from edge_devices.flash.wifi import wifi_network

_CPU = "cortex-a72"
_TIMEOUT_S = 400.0
_PASSWORD = "correct horse battery staple"
_WIFI, _WIFI_PASSWORD = "Home 'n' garden", "over the hills and far away"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq1 me@desk"
_USER = "maker"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, prepare, boot, look, print, and return the exit status."""
    options = _parser().parse_args(arguments)
    if (packages := missing()) is not None:
        print(f"error: run: sudo apt install {packages}", file=sys.stderr)
        return 1
    document = begin("first-boot")
    results = []
    with tempfile.TemporaryDirectory(prefix="edge-first-boot-") as scratch:
        work = Path(scratch)
        wheel = options.wheel or build_wheel(work / "dist")
        wanted = here(unpack_wheel(wheel, work / "code"))
        for suite in options.suite:
            own = work / suite
            own.mkdir()
            base = own / "base.img" if options.keep is None else options.keep / f"{suite}.img"
            if not base.exists():
                make_lookalike(suite, base, own, _say)
            results.append({"suite": suite, **_prove(base, wheel, own, wanted)})
    is_good = all(not each["wrong"] for each in results)
    document |= {"systems": results, "is_good": is_good}
    rows = [
        [each["system"], f"{each['image_s']:.0f}", f"{each['first_boot_s']:.0f}",
         f"{each['second_boot_s']:.0f}", ", ".join(each["wrong"]) or "nothing"]
        for each in results
    ]  # fmt: skip
    header = ["looks like", "image made, s", "first boot to online, s", "second, s", "wrong"]
    publish(markdown(header, rows), document, options.out)
    return 0 if is_good else 1


def _prove(base: Path, wheel: Path, work: Path, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    image = work / "node.img"
    began = time.monotonic()
    if edge_flash(_command(base, image, wheel, work)) != 0:
        raise OSError("edge-flash image failed")
    image_s = time.monotonic() - began
    with fixed_broker(work, PORT) as running:
        app = App(running.port, NODE)
        try:
            began = time.monotonic()
            if "systemd.run=" in as_firmware(image, work).command:
                _run_script(image, work)
            guest = _start(image, work)
            try:
                first_s = app.wait_online(1, _TIMEOUT_S) - began
                asked = [app.ask(task, text, policy=LOCAL) for task, text in QUERIES]
                app.wait_final(asked, _TIMEOUT_S)
                wrong = [
                    f"{each.text!r}: {each.final} instead of {reference['result']}"
                    for each, reference in zip(asked, wanted, strict=True)
                    if not is_same((each.final or {}).get("result"), reference["result"])
                ]
                wrong += _look(guest)
                guest.shell("systemctl poweroff --no-block")
                guest.wait_end(_TIMEOUT_S)
            finally:
                guest.cut()
            wrong += _left_behind(image)
            again = _start(image, work)
            try:
                second_s = app.wait_online(2, _TIMEOUT_S) - again.began
            finally:
                again.cut()
        finally:
            app.stop()
    return {
        "system": system_in(base),
        "image_s": round(image_s, 1),
        "first_boot_s": round(first_s, 1),
        "second_boot_s": round(second_s, 1),
        "wrong": wrong,
    }


def _start(image: Path, work: Path) -> Guest:
    return Guest(_CPU, image, as_firmware(image, work))


def _run_script(image: Path, work: Path) -> None:
    """Let the first boot run its script, at the end of which the board wants to start again."""
    guest = _start(image, work)
    try:
        guest.wait_end(_TIMEOUT_S)
    finally:
        guest.cut()


def _look(guest: Guest) -> list[str]:
    """Return what the first boot did wrong."""
    home = f"/home/{_USER}/.ssh/authorized_keys"
    expected = {
        "hostname": NODE,
        "stat -c %a /etc/edge-runtime/mqtt-password": "600",
        "cat /etc/edge-runtime/mqtt-password": _PASSWORD,
        "ls /boot/firmware/edge-runtime | grep -E 'secret|installation|settings|nmconn'": "",
        f"cat {home}": _KEY,
        f"stat -c '%a %U' {home}": f"600 {_USER}",
        "systemctl is-active edge-runtime": "active",
        f"grep -rlF {shlex.quote(_wifi_key())} /boot/firmware": "",
        "cat /proc/cmdline | grep -o systemd.run=": "",
    }
    wrong = []
    for command, answer in expected.items():
        if (said := guest.shell(command)) != answer:
            wrong.append(f"{command}: {said!r} instead of {answer!r}")
    places = "/etc/NetworkManager/system-connections /etc/netplan"
    found = guest.shell(f"grep -rlF {shlex.quote(_wifi_key())} {places} 2>/dev/null")
    if not found:
        wrong.append("the system does not know the Wi-Fi")
    elif (mode := guest.shell(f"stat -c %a {found}")) != "600":
        wrong.append(f"{found} has mode {mode}")
    return wrong


def _left_behind(image: Path) -> list[str]:
    """Return what of the secrets is still on the boot partition, in any block of it."""
    content = boot_partition(image)
    secrets = {"password": _PASSWORD, "Wi-Fi key": _wifi_key()}
    wrong = [f"{n} left on the boot partition" for n, s in secrets.items() if s.encode() in content]
    found = boot_files(image, TEMPLATES)
    changed = [name for name, text in found.items() if text != TEMPLATES[name]]
    return wrong + [f"{name} is not as it came" for name in changed]


def _command(base: Path, image: Path, wheel: Path, work: Path) -> list[str]:
    texts = {
        "password": _PASSWORD, "wifi": _WIFI_PASSWORD, "key.pub": f"{_KEY}\n",
        "settings.toml": "mqtt_allow_plain = true\n",
    }  # fmt: skip
    for name, text in texts.items():
        (work / name).write_text(text)
        (work / name).chmod(0o600)
    return [
        "image", "--base", str(base), "-o", str(image), "--runtime", str(wheel), "--node", NODE,
        "--broker", f"mqtt://{NODE}@{HOST}:{PORT}", "--password-file", str(work / "password"),
        "--config", str(work / "settings.toml"), "--user", _USER,
        "--ssh-key", str(work / "key.pub"), "--wifi", _WIFI,
        "--wifi-password-file", str(work / "wifi"), "--wifi-country", "DE",
    ]  # fmt: skip


def _wifi_key() -> str:
    return wifi_network(_WIFI, _WIFI_PASSWORD, "DE").key


def _say(what: str) -> None:
    print(what, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.boot.first_boot",
        description="Prepare images like Raspberry Pi OS with edge-flash, and boot them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--suite", choices=SUITES, nargs="+", default=list(SUITES))
    parser.add_argument("--keep", type=Path, help="take the bases from here, or keep them")
    parser.add_argument("--wheel", type=Path, help="of edge-runtime; built if left out")
    parser.add_argument("--out", type=Path, help="write results.json and table.md here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
