from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.arm64.board import BOARDS, pretend
from benchmarks.arm64.compare import differences
from benchmarks.arm64.install import size_mb
from edge_devices.probe import choose_profile, probe_board
from edge_devices.profiles import load_profile


def arrays(**values: list[object]) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {key.replace("_", "|"): np.array(value, np.float32) for key, value in values.items()}


REFERENCE = arrays(b_0_intent=[[1.0, 0.0, -1.0]], b_0_embedding=[[0.6, 0.8]], b_0_tokens=[3, 4])


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.profile)
def test_a_pretended_board_is_taken_for_its_own(tmp_path: Path, board: object) -> None:
    assert board in BOARDS
    [of] = [each for each in BOARDS if each is board]
    pretend(of, tmp_path)
    found = probe_board(tmp_path)
    assert choose_profile(found) == of.profile
    assert found.cores == 4
    assert ("asimddp" in found.cpu_features) is load_profile(of.profile).dot_product


def test_the_same_outputs_are_equal_bit_by_bit() -> None:
    [found] = differences(REFERENCE, REFERENCE, REFERENCE)
    assert found.is_good
    assert (found.bundle, found.equal, found.distance, found.choices, found.others) == (
        "b", 1.0, 0.0, 3, 0,
    )  # fmt: skip


def test_a_difference_within_the_noise_is_good() -> None:
    ours = {**REFERENCE, **arrays(b_0_intent=[[1.1, 0.0, -1.0]])}
    changed = {**REFERENCE, **arrays(b_0_intent=[[1.0, 0.1, -1.0]])}
    [alone] = differences(ours, REFERENCE, REFERENCE)
    assert not alone.is_good
    [beside_noise] = differences(ours, REFERENCE, changed)
    assert beside_noise.is_good
    assert 0.0 < beside_noise.equal < 1.0


def test_another_choice_is_forgiven_at_a_near_tie_only() -> None:
    tie = {**REFERENCE, **arrays(b_0_intent=[[1.0, 0.999, -1.0]])}
    ours = {**REFERENCE, **arrays(b_0_intent=[[0.999, 1.0, -1.0]])}
    [near] = differences(ours, tie, tie)
    assert (near.others, near.clear, near.is_good) == (1, 0, True)
    other = {**REFERENCE, **arrays(b_0_intent=[[-1.0, 0.0, 1.0]])}
    [clear] = differences(other, REFERENCE, REFERENCE)
    assert (clear.others, clear.clear, clear.is_good) == (1, 1, False)


def test_outputs_that_one_side_lacks_are_an_error() -> None:
    fewer = {key: value for key, value in REFERENCE.items() if "tokens" not in key}
    with pytest.raises(ValueError, match=r"b\|0\|tokens"):
        differences(fewer, REFERENCE, REFERENCE)
    other = {**REFERENCE, **arrays(b_0_intent=[[1.0, 0.0]])}
    with pytest.raises(ValueError, match=r"b\|0\|intent"):
        differences(other, REFERENCE, REFERENCE)


def test_sizes_count_files_once(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/file").write_bytes(b"x" * 2_000_000)
    (tmp_path / "link").symlink_to("deep/file")
    assert size_mb(tmp_path) == 2.0
