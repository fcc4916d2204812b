"""The options of benchmarks that read public data sets with a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path


def data_parser(
    name: str, description: str, *, bundle: str, writes: str
) -> argparse.ArgumentParser:
    """Return a parser with --data, --bundle and --out, to which a benchmark adds its own.

    ``bundle`` says what the bundle must have, ``writes`` what --out gets.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with one folder for each data set")
    add("--bundle", default="assistant", help=f"name in the store, or a directory; {bundle}")
    add("--out", type=Path, help=f"write {writes} here")
    return parser


def add_split(parser: argparse.ArgumentParser) -> None:
    """Add --split: data sets are files named by it, <set>/<split>.<ending>."""
    parser.add_argument("--split", default="dev", help="which files of each data set")
