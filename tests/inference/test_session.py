from __future__ import annotations

import subprocess
import sys

import pytest

# a pool lasts as long as its process
SCRIPT = """
import os, sys
from edge_runtime.bundles.store import Store
from edge_runtime.inference.resources import Resources
from edge_runtime.tasks.encoder import Encoder

def count():
    return len(os.listdir("/proc/self/task"))

def embedding(encoder):
    return encoder.encode(["turn on the light"])[0].mean("intent")

bundle = Store(None).open("assistant")
made, threads = [], []
for text in sys.argv[1:]:
    number, shared = int(text[0]), text[1:] != "own"
    made.append(Encoder(bundle, Resources(threads=number, shared=shared)))
    threads.append(count())
assert all(abs(embedding(each) - embedding(made[0])).max() < 1e-4 for each in made)
print(*[each - threads[0] for each in threads])
"""


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (["1", "2", "2"], "0 1 1"),
        (["3", "3", "2"], "0 0 0"),
        (["2", "1", "2own"], "0 0 0"),
        (["1", "2own", "2own"], "0 1 2"),
    ],
)
def test_bundles_share_one_pool_of_threads(wanted: list[str], more: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *wanted], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (more, "")
