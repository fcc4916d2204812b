from __future__ import annotations

import threading
from functools import partial

from edge_runtime.bridge.jobs import Jobs
from tests.bridge.harness import until


def test_urgent_jobs_come_first_and_others_in_order() -> None:
    jobs, go = Jobs("t"), threading.Event()
    done: list[int | str] = []

    def hold() -> None:
        go.wait(10)

    jobs.start()
    jobs.submit(hold)
    for number in range(3):
        jobs.submit(partial(done.append, number))
    jobs.submit(lambda: done.append("urgent"), urgent=True)
    go.set()
    until(lambda: len(done) == 4)
    jobs.stop(10)
    assert done == ["urgent", 0, 1, 2]


def test_no_more_than_the_limit_wait() -> None:
    jobs, go = Jobs("t", limit=2), threading.Event()
    jobs.start()
    begun = threading.Event()

    def busy() -> None:
        begun.set()
        go.wait(10)

    jobs.submit(busy)
    assert begun.wait(10)
    taken = [jobs.submit(lambda: None) for _ in range(4)]
    assert taken == [True, True, False, False]
    assert jobs.submit(lambda: None, urgent=True)
    go.set()
    jobs.stop(10)


def test_a_bug_in_one_does_not_end_the_thread() -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    jobs, done = Jobs("t"), threading.Event()
    jobs.start()
    jobs.submit(fail)
    jobs.submit(done.set)
    assert done.wait(10)
    jobs.stop(10)


def test_several_threads_do_each_job_once() -> None:
    jobs, lock = Jobs("t", threads=4), threading.Lock()
    done: list[int] = []

    def work(number: int) -> None:
        with lock:
            done.append(number)

    jobs.start()
    for number in range(1000):
        jobs.submit(partial(work, number), urgent=number % 3 == 0)
    until(lambda: len(done) == 1000)
    jobs.stop(10)
    assert sorted(done) == list(range(1000))
