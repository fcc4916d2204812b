"""Write what a plan says below a root, and take it away again."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from edge_devices.services.plan import File, Plan

_TIMEOUT_S = 240

Run = Callable[[tuple[str, ...]], None]


class ServiceError(OSError):
    """The service could not be installed or removed; the message says what failed."""


def install(plan: Plan, root: Path) -> None:
    """Write the files; nothing stays if one cannot be written.

    Raises:
        ServiceError: a file cannot be written.
    """
    written: list[File] = []
    try:
        for file in plan.files:
            written.append(file)
            _write(file, root)
    except OSError as exc:
        for file in written:
            with contextlib.suppress(OSError):  # the one that failed may not be there at all
                _delete(below(root, file.path))
        _remove_empty(plan, root)
        raise ServiceError(
            f"{exc.filename or file.path} cannot be written: {exc.strerror}"
        ) from exc


def start(plan: Plan, run: Run) -> None:
    """Start what was installed, or start it again with what is new.

    Raises:
        ServiceError: a command fails; what was installed stays, so that one can see why.
    """
    for command in plan.start:
        run(command)


def remove(plan: Plan, root: Path, run: Run, *, keep_state: bool) -> list[Path]:
    """Stop the service, delete what was installed and what it made; return what was deleted.

    Raises:
        ServiceError: something cannot be deleted.
    """
    for command in plan.stop:
        _try(run, command)
    state = () if keep_state else plan.state
    paths = [below(root, path) for path in (*(f.path for f in plan.files), *plan.made, *state)]
    deleted = [path for path in paths if path.is_symlink() or path.exists()]
    try:
        for path in deleted:
            _delete(path)
        _remove_empty(plan, root)
    except OSError as exc:
        raise ServiceError(f"{exc.filename} cannot be deleted: {exc.strerror}") from exc
    for command in plan.reload:
        _try(run, command)
    return deleted


def run_command(command: tuple[str, ...]) -> None:
    """Run a command of the service manager.

    Raises:
        ServiceError: it is missing or fails.
    """
    said = " ".join(command)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except OSError as exc:
        raise ServiceError(f"{said}: {exc.strerror}") from exc
    except subprocess.TimeoutExpired as exc:
        raise ServiceError(f"{said}: no end within {_TIMEOUT_S} s") from exc
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise ServiceError(f"{said}: {reason}")


def below(root: Path, path: Path) -> Path:
    """Return where an absolute path lies below another root."""
    return root / path.relative_to("/")


def _write(file: File, root: Path) -> None:
    path = below(root, file.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    if file.target is not None:
        path.unlink(missing_ok=True)
        path.symlink_to(file.target)
        return
    path.write_text(file.text, encoding="utf-8")
    path.chmod(file.mode)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(plan: Plan, root: Path) -> None:
    """Remove directories of deleted files that hold nothing, the inner ones first."""
    shared = {below(root, path) for path in plan.shared}
    parents = {
        parent
        for file in plan.files
        for parent in below(root, file.path).parents
        if root in parent.parents
    }
    for directory in sorted(parents - shared, key=lambda path: len(path.parts), reverse=True):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def _try(run: Run, command: tuple[str, ...]) -> None:
    """Run a command of a removal, which goes on also where the service is gone already."""
    try:
        run(command)
    except ServiceError:
        return
