"""One run: apps ask, everything around the bridge fails, and at the end all is counted."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.broker import Broker, broker
from benchmarks.torture.app import App, work_until
from benchmarks.torture.disk import Disk, small_disk, used_bytes
from benchmarks.torture.endpoint import TIMEOUT_S
from benchmarks.torture.endpoint_process import calls, running_endpoint
from benchmarks.torture.faults import Fault, due, plan_faults
from benchmarks.torture.options import TortureOptions
from benchmarks.torture.processes import Process
from benchmarks.torture.proxy import Proxy, proxies
from benchmarks.torture.questions import make_questions
from benchmarks.torture.record import Asked, Broken, Verdict, judge
from benchmarks.torture.watcher import Watcher

_NODE = "torture"
_LOOK_S = 0.2
_SETTLE_S = 3.0
_SILENCES_S = (0.0, 0.5, 3.0)

Progress = Callable[[str], None]


@dataclass
class Outcome:
    """What a run came to; bytes are the largest that were seen."""

    verdict: Verdict = field(default_factory=Verdict)
    faults: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    paid: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    requests: int = 0
    repeated: int = 0
    max_rss_bytes: int = 0
    max_disk_bytes: int = 0
    duration_s: float = 0.0


class Run:
    """Everything that runs; made by ``torture``."""

    def __init__(
        self,
        options: TortureOptions,
        running: Broker,
        links: list[Proxy],
        disk: Disk,
        endpoint_url: str,
        logs: Path,
    ) -> None:
        self._options = options
        self._rng = random.Random(options.seed)  # noqa: S311 - to be repeated
        self._broker = running
        self._links = links
        self._disk = disk
        self._endpoint_url = endpoint_url
        self._is_full = False
        self._over = threading.Event()
        self._began = time.monotonic()
        self._broken: list[Broken] = []
        self.outcome = Outcome(requests=options.requests)
        apps_link, node_link, worker_link = links
        arguments = [node_link.url, _NODE, str(disk.directory / "outbox.db")]
        self._node = Process("node", ["benchmarks.torture.node", *arguments], logs, self._ended)
        self._workers = [
            Process(f"worker-{number}", _worker(worker_link.url, endpoint_url, number), logs,
                    self._ended)
            for number in range(options.workers)
        ]  # fmt: skip
        questions = make_questions(options.requests, self._rng)
        self._asked = [Asked(each, each.number % options.clients) for each in questions]
        self._apps = [
            App(
                apps_link.url,
                _NODE,
                name=f"app-{client}",
                protocol="3.1.1" if client % 3 == 2 else "5",  # noqa: PLR2004 - a third
                asked=[each for each in self._asked if each.client == client],
                window=options.window,
            )
            for client in range(options.clients)
        ]
        self._watcher = Watcher(running.url, _NODE)

    def go(self, progress: Progress) -> Outcome:
        """Run to the end, and count."""
        began = time.monotonic()
        for process in (self._node, *self._workers):
            process.start()
        self._watcher.start()
        for app in self._apps:
            app.start()
        threads = [
            threading.Thread(target=self._look, args=(progress,), name="look"),
            threading.Thread(target=self._break, name="faults"),
        ]
        for thread in threads:
            thread.start()
        try:
            work_until(self._apps, self._is_over)
            self._repeat()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            self.outcome.duration_s = time.monotonic() - began
            self._end()
        self._count()
        return self.outcome

    def finals(self) -> int:
        """Return how many requests have a final answer."""
        return sum(bool(each.finals) for each in self._asked)

    def _is_over(self) -> bool:
        if self.finals() == len(self._asked):
            return True
        last = max((each.finals[-1].at for each in self._asked if each.finals), default=None)
        since = self._began if last is None else last
        return time.monotonic() - since > self._options.patience_s

    # faults

    def _break(self) -> None:
        faults = plan_faults(self._options.faults, self._options.requests, self._rng)
        for done in range(len(faults)):
            while (fault := due(faults, done, self.finals())) is None:
                if self._over.wait(0.02):
                    return
            time.sleep(fault.delay_s)
            self._note(fault.kind)
            self.outcome.faults[fault.kind] += 1
            self._do(fault)
            self._note(f"{fault.kind} back")

    def _do(self, fault: Fault) -> None:
        if fault.kind == "node":
            self._node.kill(fault.delay_s)
            if self._is_full:
                self._disk.fill(self._node.pid)
        elif fault.kind == "broker":
            self._broker.restart(kill=True)
        elif fault.kind == "worker":
            self._rng.choice(self._workers).kill(fault.delay_s)
        elif fault.kind == "cut":
            link, silence_s = self._rng.choice(self._links), self._rng.choice(_SILENCES_S)
            if silence_s:
                link.silence(silence_s)
            else:
                link.cut()
        else:
            threading.Thread(target=self._fill_disk, name="full disk").start()

    def _fill_disk(self) -> None:
        self._is_full = True
        self._disk.fill(self._node.pid)
        self._over.wait(self._options.full_s)
        self._disk.clear(self._node.pid)
        self._is_full = False
        self._note("room again")

    def _note(self, kind: str) -> None:
        self._broken.append(Broken(kind, time.monotonic()))

    def _ended(self, what: str) -> None:
        if self._is_full:  # it may refuse to start, as long as it comes back
            self.outcome.faults["ended on a full disk"] += 1
        else:
            self.outcome.verdict.violations.append(what)

    # measuring

    def _look(self, progress: Progress) -> None:
        said = 0
        while not self._over.wait(_LOOK_S):
            for each in (self._node, *self._workers):
                each.look()
            used = used_bytes(self._disk.directory)
            self.outcome.max_disk_bytes = max(self.outcome.max_disk_bytes, used)
            finals = self.finals()
            if finals * 10 // max(1, len(self._asked)) > said:
                said = finals * 10 // len(self._asked)
                progress(
                    f"{finals} of {len(self._asked)}, {sum(self.outcome.faults.values())} faults"
                )

    def _repeat(self) -> None:
        """Ask again what has been answered: the same has to come."""
        time.sleep(_SETTLE_S)
        each_count = self._options.repeats // len(self._apps)
        again = [asked for app in self._apps for asked in app.repeat(each_count)]
        give_up_at = time.monotonic() + self._options.patience_s
        while not all(each.is_repeated for each in again) and time.monotonic() < give_up_at:
            time.sleep(_LOOK_S)
        self.outcome.repeated = len(again)
        lost = [each for each in again if not each.is_repeated]
        self.outcome.verdict.violations += [
            f"a repeat was not answered: {each.story(self._broken)}" for each in lost
        ]

    def _end(self) -> None:
        self._count_drops()
        status = self._node.stop()
        if status != 0:
            self.outcome.verdict.violations.append(f"the node stopped with status {status}")
        told = calls(self._endpoint_url)
        self.outcome.calls, self.outcome.paid = Counter(told["ends"]), told["paid"]
        for worker in self._workers:
            worker.stop()
        for app in self._apps:
            app.stop()
        time.sleep(_LOOK_S)
        self._watcher.stop()

    def _count_drops(self) -> None:
        violations = self.outcome.verdict.violations
        try:
            counted = self._watcher.counted()
        except OSError as exc:
            violations.append(str(exc))
            return
        self.outcome.dropped = Counter(counted)
        # what was refused before it stood on disk is counted since the start of the process only
        told = {why: count for why, count in self._watcher.told.items() if why != "queue"}
        violations += [
            f"{count} drops were told of and {counted.get(why, 0)} counted, by reason of {why}"
            for why, count in told.items()
            if count > counted.get(why, 0)
        ]

    def _count(self) -> None:
        outcome, options = self.outcome, self._options
        broken = outcome.verdict.violations
        outcome.verdict = judge(self._asked, self._broken)
        outcome.verdict.violations = [*broken, *outcome.verdict.violations]
        outcome.events, outcome.told = self._watcher.events, self._watcher.told
        outcome.parts = sum(each.parts for each in self._asked)
        outcome.max_rss_bytes = self._node.max_rss_bytes
        violations = outcome.verdict.violations
        if outcome.max_rss_bytes > options.rss_mb * 2**20:
            violations.append(f"the node took {outcome.max_rss_bytes >> 20} MiB of memory")
        if outcome.max_disk_bytes > options.disk_mb * 2**20:
            violations.append(f"the state took {outcome.max_disk_bytes >> 20} MiB of disk")
        if outcome.events["quarantined"]:
            violations.append("a kill has damaged the queue's file")
        violations += _damage(self._disk.directory / "outbox.db")


def torture(options: TortureOptions, logs: Path, progress: Progress) -> Outcome:
    """Run everything once; ``logs`` is where the processes' output goes.

    Raises:
        OSError: no mosquitto can be started.
    """
    with (
        broker(persistence=True) as running,
        proxies(running.port, 3) as links,
        small_disk(options.disk_mb) as disk,
        running_endpoint(options.seed) as url,
    ):
        return Run(options, running, links, disk, url, logs).go(progress)


def _worker(broker_url: str, endpoint_url: str, number: int) -> list[str]:
    return [
        "edge_runtime.cli.cloud", "serve", "--broker", broker_url, "--llm", endpoint_url,
        "--model", "torture-1", "--id", f"torture-{number}", "--timeout-s", f"{TIMEOUT_S:g}",
    ]  # fmt: skip


def _damage(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = [row[0] for row in db.execute("PRAGMA quick_check")]
    return [] if found == ["ok"] else [f"the queue's file is damaged: {found[:3]}"]
