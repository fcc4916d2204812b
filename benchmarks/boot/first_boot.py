"""``python -m benchmarks.boot.first_boot``: exit status 1 if a prepared image is no node.

Makes images that look like Raspberry Pi OS, prepares them with ``edge-flash image``, boots them in
the emulator, takes the power away in the middle of the installation, boots them again, and looks at
what the first boot did. The last line of stdout is a JSON document; progress on stderr.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.boot.app import App
from benchmarks.boot.brokers import fixed_broker
from benchmarks.boot.build import NODE, PORT, build_wheel, unpack_wheel
from benchmarks.boot.guest import Guest, missing
from benchmarks.boot.lookalike import SUITES, as_firmware, make_lookalike, system_in
from benchmarks.boot.prepared import first_boot_faults, left_behind, prepare
from benchmarks.boot.queries import LOCAL, QUERIES, here, is_same
from benchmarks.harness.report import begin, markdown, publish

_CPU = "cortex-a72"
_TIMEOUT_S = 900.0
_UNPACKED_S = 4.0  # of the minute that it takes in the emulator
# once before the cut, once after it
_SAID = "\n".join(f"edge-runtime: {each}" for each in ("installing", "installing", "installed"))
_LOG = (
    "cloud-init status 2>/dev/null; journalctl -b --no-pager -o short-monotonic -u edge-runtime"
    " -u init.scope -g 'Started edge|ready|Startup finished'; systemctl --failed --no-legend"
)


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
    publish(_table(results), document, options.out)
    return 0 if is_good else 1


def _prove(base: Path, wheel: Path, work: Path, wanted: list[dict[str, Any]]) -> dict[str, Any]:
    image = work / "node.img"
    began = time.monotonic()
    prepare(base, image, wheel, work)
    found: dict[str, Any] = {
        "system": system_in(base), "image_s": round(time.monotonic() - began, 1), "wrong": [],
    }  # fmt: skip
    with fixed_broker(work, PORT) as running:
        app = App(running.port, NODE)
        try:
            _say("first boot, until the power goes")
            _interrupt(image, work)
            _say("first boot")
            _first_boot(image, work, app, wanted, found)
            found["wrong"] += left_behind(image)
            _say("second boot")
            found["second_s"] = _second_boot(image, work, app)
        except OSError as exc:
            found["wrong"].append(str(exc))
        finally:
            app.stop()
    return found


def _interrupt(image: Path, work: Path) -> None:
    """Take the power away while the installation is unpacked."""
    guest = _start(image, work)
    try:
        guest.wait_text("edge-runtime: installing", _TIMEOUT_S)
        time.sleep(_UNPACKED_S)
    finally:
        guest.cut()


def _first_boot(
    image: Path, work: Path, app: App, wanted: list[dict[str, Any]], found: dict[str, Any]
) -> None:
    began = time.monotonic()
    if "systemd.run=" in as_firmware(image, work).command:
        _run_script(image, work)
    guest = _start(image, work)
    try:
        found["first_s"] = round(app.wait_online(1, _TIMEOUT_S) - began, 1)
        asked = [app.ask(task, text, policy=LOCAL) for task, text in QUERIES]
        app.wait_final(asked, _TIMEOUT_S)
        differing = [
            each.text
            for each, reference in zip(asked, wanted, strict=True)
            if not is_same((each.final or {}).get("result"), reference["result"])
        ]
        found["same"] = len(asked) - len(differing)
        found["wrong"] += [f"another answer to {text!r}" for text in differing]
        found["wrong"] += first_boot_faults(guest, _SAID)
        found["log"] = guest.shell(_LOG).splitlines()
        guest.shell("systemctl poweroff --no-block")
        guest.wait_end(_TIMEOUT_S)
    except OSError:
        found["log"] = guest.last_words()
        raise
    finally:
        guest.cut()


def _run_script(image: Path, work: Path) -> None:
    """Let the first boot run its script, at the end of which the board wants to start again."""
    guest = _start(image, work)
    try:
        guest.wait_end(_TIMEOUT_S)
    finally:
        guest.cut()


def _second_boot(image: Path, work: Path, app: App) -> float:
    seen = app.online
    guest = _start(image, work)
    try:
        return round(app.wait_online(seen + 1, _TIMEOUT_S) - guest.began, 1)
    finally:
        guest.cut()


def _start(image: Path, work: Path) -> Guest:
    return Guest(_CPU, image, as_firmware(image, work))


def _table(results: Sequence[dict[str, Any]]) -> str:
    header = [
        "looks like", "image made, s", "first boot to online, s", "second, s", "queries as here",
        "wrong",
    ]  # fmt: skip
    rows = [
        [
            each["system"],
            f"{each['image_s']:.0f}",
            *(f"{each[name]:.0f}" if name in each else "-" for name in ("first_s", "second_s")),
            f"{each.get('same', 0)} of {len(QUERIES)}",
            "; ".join(each["wrong"]) or "nothing",
        ]
        for each in results
    ]
    note = "The power was cut once in the middle of the installation; the first boot is the next."
    return f"{markdown(header, rows)}\n\n{note}"


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
