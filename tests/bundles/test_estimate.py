from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundles.demand import demand_of
from edge_runtime.bundles.estimate import Demand, Machine, Work, estimate
from edge_runtime.bundles.machine import measure_machine
from edge_runtime.bundles.store import Store

MACHINE = Machine(bytes_per_s=10e9, adds_per_s=50e9, has_dot_product=True)
STEP = Work(adds={"int8": 100_000_000}, product_bytes={"int8": 100_000_000}, nodes=300)
DECODER = Demand(
    disk_bytes=130_000_000, kept_bytes=30_000_000, packed={"int8": 100_000_000},
    tokenizer_bytes=1_000_000, cache_token_bytes=50_000, width=2000, logits_width=0,
    max_length=2048, read=STEP, step=STEP,
)  # fmt: skip


def test_memory_is_the_sum_of_its_parts_and_more_than_the_disk() -> None:
    found = estimate(DECODER, MACHINE)
    assert found.memory_bytes == (
        found.kept_bytes + found.packed_bytes + found.kv_cache_bytes + found.scratch_bytes
        + found.process_bytes
    )  # fmt: skip
    assert found.memory_bytes > DECODER.disk_bytes
    assert found.kv_cache_bytes == 2048 * 50_000


def test_a_shorter_context_takes_less_memory_and_never_more_than_the_model_reads() -> None:
    short, whole = estimate(DECODER, MACHINE, 100), estimate(DECODER, MACHINE, 10**6)
    assert short.kv_cache_bytes == 100 * 50_000
    assert whole.context == 2048
    assert short.memory_bytes < whole.memory_bytes


def test_decode_follows_the_bandwidth_and_prefill_the_arithmetic() -> None:
    base, memory, compute = (
        msgspec.structs.asdict(estimate(DECODER, machine, 100))
        for machine in (
            MACHINE, replace(MACHINE, bytes_per_s=20e9), replace(MACHINE, adds_per_s=100e9)
        )
    )  # fmt: skip
    assert memory["prompt_tps"] == base["prompt_tps"]
    assert memory["generation_tps"] > 1.5 * base["generation_tps"]
    assert compute["prompt_tps"] > 1.5 * base["prompt_tps"]


def test_int8_is_slower_without_dot_products() -> None:
    slow = estimate(DECODER, replace(MACHINE, has_dot_product=False))
    assert (slow.prompt_tps or 0) < (estimate(DECODER, MACHINE).prompt_tps or 0)


def test_logits_of_every_token_take_memory() -> None:
    every = estimate(replace(DECODER, logits_width=50_000), MACHINE)
    assert every.memory_bytes > estimate(DECODER, MACHINE).memory_bytes + 50_000_000


def test_the_shipped_bundle_asks_for_what_it_holds() -> None:
    bundle = Store(None).look()
    demand = demand_of(bundle)
    assert demand.disk_bytes == sum(
        (bundle.path / name).stat().st_size for name in ("model.onnx", "model.onnx.data")
    )
    products = sum(demand.packed.values())
    assert 0.95 * demand.disk_bytes < products + demand.kept_bytes < 1.05 * demand.disk_bytes
    assert demand.step is None


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_the_memory_of_the_shipped_bundle_is_near_the_estimate() -> None:
    code = """
import re
from edge_runtime.bundles.store import Store
from edge_runtime.tasks.encoder import Encoder
Encoder(Store(None).look()).encode(["turn on the light in the kitchen please"])
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    true_bytes = int(re.findall(r"\d+", done.stdout)[-1]) * 1024
    found = estimate(demand_of(Store(None).look()), MACHINE, 16)
    assert 0.75 < found.memory_bytes / true_bytes < 1.25


def test_this_machine_is_measured() -> None:
    machine = measure_machine()
    assert 1e8 < machine.bytes_per_s < 1e13
    assert 1e7 < machine.adds_per_s < 1e13
