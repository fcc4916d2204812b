"""How far two machines are apart that computed the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Arrays = Mapping[str, Array]

_NOISES = 3.0  # a difference is no more than chance up to so many times what last bits make
_LEAST = 1e-2  # products with weights in blocks have other kernels on each machine
_VECTORS = {"embedding"}
_TOKENS = "tokens"


@dataclass(frozen=True)
class Difference:
    """Of one bundle on two machines.

    ``equal`` is the share of outputs that are the same bit by bit; ``distance`` the root mean
    square of the difference relative to that of the output, where it is the largest; ``noise`` the
    same between the reference and itself with changed last bits; ``choices`` the number of labels
    or tokens chosen, ``others`` those in which the machines differ, and ``clear`` those of them in
    which the reference prefers its own by more than chance.
    """

    bundle: str
    equal: float
    distance: float
    noise: float
    choices: int
    others: int
    clear: int

    @property
    def is_good(self) -> bool:
        """Whether both say the same, as far as int8 lets anybody tell."""
        return self.clear == 0 and self.distance <= _chance(self.noise)


def differences(ours: Arrays, reference: Arrays, changed: Arrays) -> list[Difference]:
    """Compare all outputs, which are named ``BUNDLE|TEXT|OUTPUT``.

    ``changed`` are those of the reference with changed last bits.

    Raises:
        ValueError: one of them has outputs that the other lacks, or of another shape.
    """
    if not ours.keys() == reference.keys() == changed.keys():
        odd = (ours.keys() ^ reference.keys()) | (changed.keys() ^ reference.keys())
        raise ValueError(f"not on each side: {min(odd)}")
    names: dict[str, list[str]] = defaultdict(list)
    for key in sorted(reference):
        if ours[key].shape != reference[key].shape:
            raise ValueError(f"{key}: {ours[key].shape}, and here {reference[key].shape}")
        names[key.split("|", 1)[0]].append(key)
    return [_of_bundle(name, keys, ours, reference, changed) for name, keys in names.items()]


def _of_bundle(
    bundle: str, keys: list[str], ours: Arrays, reference: Arrays, changed: Arrays
) -> Difference:
    numbers = [key for key in keys if _output(key) != _TOKENS]
    equal = sum(int(np.sum(ours[key] == reference[key])) for key in numbers)
    chosen = [(_choices(key, ours[key]), _choices(key, reference[key])) for key in keys]
    noise = max((_distance(changed[key], reference[key]) for key in numbers), default=0.0)
    return Difference(
        bundle=bundle,
        equal=equal / max(sum(reference[key].size for key in numbers), 1),
        distance=max((_distance(ours[key], reference[key]) for key in numbers), default=0.0),
        noise=noise,
        choices=sum(theirs.size for _, theirs in chosen),
        others=sum(int(np.sum(mine != theirs)) for mine, theirs in chosen),
        clear=sum(
            _clear(ours[key], reference[key], noise)
            for key in numbers
            if _output(key) not in _VECTORS
        ),
    )


def _chance(noise: float) -> float:
    """Return the largest distance that may be chance."""
    return max(_LEAST, _NOISES * noise)


def _clear(ours: Array, theirs: Array, noise: float) -> int:
    """Count the rows in which ours prefers what the reference clearly does not."""
    rows = np.arange(len(theirs))
    lost = theirs.max(axis=-1) - theirs[rows, ours.argmax(axis=-1)]
    scale = np.sqrt(np.mean(theirs**2, axis=-1))
    return int(np.sum(lost > _chance(noise) * scale))


def _output(key: str) -> str:
    return key.rsplit("|", 1)[1]


def _choices(key: str, output: Array) -> npt.NDArray[np.generic]:
    if _output(key) in _VECTORS:
        return np.zeros(0)
    return output if _output(key) == _TOKENS else output.argmax(axis=-1)


def _distance(ours: Array, theirs: Array) -> float:
    return float(np.linalg.norm(ours - theirs) / max(float(np.linalg.norm(theirs)), 1e-12))
