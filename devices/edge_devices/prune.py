"""``python -m edge_devices.prune``: delete what nothing on a device loads from its site-packages.

For images and small SD cards: about a third of the installation. ``pip install --force-reinstall``
brings it back.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

# pattern below site-packages -> why nothing on a device needs it
UNUSED = {
    "onnxruntime/transformers": "optimizes graphs on a workstation",
    "onnxruntime/tools": "converts graphs on a workstation",
    "onnxruntime/quantization": "quantizes on a workstation",
    "onnxruntime/datasets": "examples",
    "onnxruntime/backend": "for the ONNX test suite",
    # onnxruntime_pybind11_state holds it as well
    "onnxruntime/capi/libonnxruntime.so*": "for programs in C",
    "google/protobuf": "for the tools of onnxruntime alone",
    "google/_upb": "for the tools of onnxruntime alone",
    "flatbuffers": "for the tools of onnxruntime alone",
    "hf_xet": "a faster download: models pull works without",
    "numpy/f2py": "compiles Fortran",
    "numpy/distutils": "builds packages",
    "numpy/**/tests": "tests",
    "numpy/_core/include": "for programs in C",
    "numpy/**/*.a": "for programs in C",
    "pygments/lexers/[!_]*": "colours in tracebacks of other languages",
    "yaml/_yaml*.so": "faster; the hub's client works without",
    "edge_export": "exports on a workstation",
    "**/*.pyi": "for type checkers",
    "**/__pycache__": "made again when it is needed",
}


def prune(site: Path, *, dry_run: bool = False) -> dict[str, int]:
    """Delete below ``site``; return how many bytes each pattern frees."""
    freed = {}
    for pattern in UNUSED:
        paths = sorted(site.glob(pattern))
        freed[pattern] = sum(path.stat().st_size for path in _files(paths))
        if not dry_run:
            for path in paths:
                _delete(path)
    return freed


def main(arguments: Sequence[str] | None = None) -> None:
    """Prune, and print what that frees."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_devices.prune",
        description="Delete what nothing on a device loads from its site-packages.",
    )
    parser.add_argument(
        "site", type=Path, nargs="?", default=Path(sysconfig.get_path("platlib")),
        help="the directory; that of this Python if left out",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only say what it would free")
    options = parser.parse_args(arguments)
    if not (options.site / "edge_runtime").is_dir():
        parser.error(f"edge-runtime is not installed in {options.site}")
    freed = prune(options.site, dry_run=options.dry_run)
    for pattern, size in sorted(freed.items(), key=lambda each: -each[1]):
        if size:
            sys.stdout.write(f"{size / 1e6:7.1f} MB  {pattern}: {UNUSED[pattern]}\n")
    sys.stdout.write(f"{sum(freed.values()) / 1e6:7.1f} MB  in all\n")


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in path.rglob("*") if each.is_file())
        else:
            yield path


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
