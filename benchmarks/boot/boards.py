"""One emulated board: it boots the image, is measured, answers, and switches itself off."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.boot.app import App
from benchmarks.boot.card import blank_card, card_digest, use_card
from benchmarks.boot.cuts import BOOT_TIMEOUT_S
from benchmarks.boot.guest import Guest
from benchmarks.boot.measure import Footprint, footprint
from benchmarks.boot.queries import LOCAL, QUERIES, difference, is_same
from benchmarks.harness.report import markdown

GOALS = {"installed_mb": 130.0, "rss_mb": 110.0, "security": 2.0}

_ANSWER_TIMEOUT_S = 300.0
# what happened at which second, in as many lines as somebody reads
_LOG = (
    "journalctl -b --no-pager -o short-monotonic -u edge-runtime -u init.scope"
    " -g 'running in system mode|remount-fs|Started systemd-networkd|edge-runtime|ready|"
    "Reached target multi|Startup finished' | tail -n 12"
)


def try_board(
    cpu: str, image: Path, work: Path, app: App, wanted: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Boot a copy of the image, measure, ask, and compare with what is wanted; say what failed."""
    seen = app.online
    card = blank_card(work / "card.img")
    machine = Guest(cpu, copy_image(image, work / f"{cpu}.img"), card=card)
    try:
        return {"cpu": cpu, **_measure(machine, card, app, seen, wanted)}
    except OSError as exc:
        return {"cpu": cpu, "is_good": False, "error": str(exc), "log": machine.last_words()}
    finally:
        machine.cut()
        (work / f"{cpu}.img").unlink(missing_ok=True)


def copy_image(image: Path, to: Path) -> Path:
    """Copy with the holes."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(image), str(to)], check=True)
    return to


def board_table(boards: Sequence[dict[str, Any]]) -> str:
    """Return what was measured, a line for each board."""
    header = [
        "CPU (emulated)", "power to online, s", "kernel to ready, s", "idle RSS, MB",
        "after the queries, MB", "installed + compiled, MB", "systemd security",
        "same answers as x86-64",
    ]  # fmt: skip
    whole = [board for board in boards if "error" not in board]
    rows = [
        [
            board["cpu"],
            f"{board['boot_s']:.0f}",
            f"{board['idle']['service_s']:.0f}",
            f"{board['idle']['rss_mb']:.0f}",
            f"{board['after_queries']['rss_mb']:.0f}",
            f"{board['idle']['installed_mb']:.0f} + {board['idle']['compiled_mb']:.0f}",
            f"{board['idle']['security']:.1f}",
            f"{sum(each['is_same'] for each in board['answers'])} of {len(board['answers'])}",
        ]
        for board in whole
    ]
    failed = [f"{each['cpu']}: FAILED: {each['error']}" for each in boards if "error" in each]
    goals = "Goals: idle RSS 110 MB, installed 130 MB, security 2.0."
    misses = [
        f"{each['cpu']}: MISSED: {miss}"
        for each in whole
        for miss in [*each["misses"], *each["card_faults"]]
    ]
    return "\n\n".join([markdown(header, rows), goals, *misses, *failed])


def _measure(
    machine: Guest, card: Path, app: App, seen: int, wanted: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    boot_s = app.wait_online(seen + 1, BOOT_TIMEOUT_S) - machine.began
    idle = footprint(machine)
    asked = [app.ask(task, text, policy=LOCAL) for task, text in QUERIES]
    app.wait_final(asked, _ANSWER_TIMEOUT_S)
    after = footprint(machine)
    digest, card_faults = use_card(machine)
    python = machine.shell("/opt/edge-runtime/bin/python3 --version")
    log = machine.shell(_LOG).splitlines()
    machine.shell("systemctl poweroff --no-block")
    machine.wait_end(_ANSWER_TIMEOUT_S)
    if card_digest(card) != digest:
        card_faults.append("the card does not hold the image")
    answers = []
    for each, reference in zip(asked, wanted, strict=True):
        said = (each.final or {}).get("result")
        answers.append(
            {
                "task": each.task,
                "text": each.text,
                "distance": difference(said, reference["result"]),
                "is_same": is_same(said, reference["result"]),
                "result": None if each.task == "embed" else said,
                "result_here": None if each.task == "embed" else reference["result"],
            }
        )
    misses = _misses(idle)
    return {
        "python": python,
        "boot_s": round(boot_s, 1),
        "idle": dataclasses.asdict(idle),
        "after_queries": dataclasses.asdict(after),
        "answers": answers,
        "card_faults": card_faults,
        "log": log,
        "misses": misses,
        "is_good": not misses and not card_faults and all(each["is_same"] for each in answers),
    }


def _misses(found: Footprint) -> list[str]:
    values = dataclasses.asdict(found)
    return [
        f"{name} {values[name]:.1f} > {goal:g}"
        for name, goal in GOALS.items()
        if values[name] > goal
    ]
