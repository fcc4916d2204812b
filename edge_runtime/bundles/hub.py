"""Models from the Hugging Face hub; the only import of huggingface_hub, which tokenizers brings.

``HF_ENDPOINT`` (a mirror), ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are its own and hold here too.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec
from huggingface_hub import HfApi, errors, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # lazily

from edge_runtime.bundles.architecture import writes
from edge_runtime.bundles.derive import derive_manifest
from edge_runtime.bundles.files import CONFIG_FILE, companions, data_files
from edge_runtime.bundles.install import free_place, put_in_place, with_hashes, writing
from edge_runtime.bundles.json_file import read_json
from edge_runtime.bundles.layout import choose_graphs
from edge_runtime.bundles.manifest import Source, write_manifest
from edge_runtime.bundles.onnx_file import read_onnx
from edge_runtime.bundles.store import Bundle, Store
from edge_runtime.bundles.verify import sha256
from edge_runtime.errors import BundleError, BundleNotFoundError, EdgeError, UnavailableError

_PART = ".part"  # ends the name of a file that is not complete


@dataclass(frozen=True)
class _File:
    size_bytes: int
    sha256: str | None  # of a large file
    blob: str | None  # git's SHA-1, of a small one


@dataclass(frozen=True)
class _Repository:
    hub_id: str
    commit: str
    licence: str | None
    files: Mapping[str, _File]


def pull_bundle(
    store: Store,
    hub_id: str,
    *,
    revision: str | None = None,
    variant: str | None = None,
    name: str | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Download one graph of a repository and what goes with it into the store.

    The files are checked against the hub's own hashes, and their SHA-256 and the commit recorded in
    ``bundle.json``: it tells later changes, and says nothing of the model's quality. What a cut
    download has left is used by the next one. ``report`` is told each file before it is fetched.

    Raises:
        BundleNotFoundError: no such repository or revision, or it is not open to this token.
        UnavailableError: the hub cannot be reached, or the network is forbidden.
        BundleError: there is nothing in it that runs here, the name is taken, or the disk is full.
    """
    target = free_place(store, name or hub_id.rsplit("/", 1)[-1])
    repository = _look_up(hub_id, revision)
    work = target.parent / f".pull-{target.name}-{repository.commit[:12]}"
    with writing(target):
        _fetch(repository, [CONFIG_FILE], work, report)
        beside = companions(repository.files, hub_id)
        chosen = choose_graphs(
            repository.files,
            writes=writes(read_json(work / CONFIG_FILE)),
            variant=variant,
            where=hub_id,
        )
        _fetch(repository, [*beside, *chosen.files], work, report)
        graphs = {file: read_onnx(work / file) for file in chosen.files}
        weights = data_files(graphs, repository.files)
        _fetch(repository, weights, work, report)
        _drop_others(work, {*beside, *chosen.files, *weights})
        manifest = msgspec.structs.replace(
            derive_manifest(work, chosen.variant),
            version=repository.commit[:12],
            source=Source(hub_id, repository.commit, repository.licence),
        )
        write_manifest(work, with_hashes(work, manifest, target.name))
        put_in_place(work, target)
        for stale in target.parent.glob(f".pull-{target.name}-*"):  # of other commits
            shutil.rmtree(stale, ignore_errors=True)
    return store.read(target)


def _look_up(hub_id: str, revision: str | None) -> _Repository:
    with _hub_errors(hub_id, revision):
        info = HfApi().model_info(hub_id, revision=revision, files_metadata=True)
    files = {
        sibling.rfilename: _File(
            sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else None, sibling.blob_id
        )
        for sibling in info.siblings or []
        if _is_inside(sibling.rfilename)
    }
    licence = info.card_data.get("license") if info.card_data else None
    return _Repository(hub_id, str(info.sha), str(licence) if licence else None, files)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _fetch(
    repository: _Repository, names: Sequence[str], work: Path, report: Callable[[str], None]
) -> None:
    """Fetch the files that are not there yet and right; checked against the hub's hashes."""
    missing = [name for name in names if not _is_right(work / name, repository.files[name])]
    size_bytes = sum(repository.files[name].size_bytes for name in missing)
    work.mkdir(exist_ok=True)
    free_bytes = shutil.disk_usage(work).free
    if size_bytes > free_bytes:
        raise BundleError(
            f"{repository.hub_id} needs {size_bytes / 1e6:.0f} MB and {free_bytes / 1e6:.0f} MB "
            f"are free at {work.parent}"
        )
    for name in missing:
        report(f"{name}  {repository.files[name].size_bytes / 1e6:.1f} MB")
        _download(repository, name, work)


def _download(repository: _Repository, name: str, work: Path) -> None:
    """Fetch a file, from where an earlier attempt was cut; the hub's own download starts anew."""
    file = repository.files[name]
    part = work / f"{name}{_PART}"
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as out, _hub_errors(repository.hub_id, repository.commit):
        if out.tell() > file.size_bytes:
            out.truncate(0)
        http_get(
            hf_hub_url(repository.hub_id, name, revision=repository.commit),
            out,
            resume_size=out.tell(),
            headers=build_hf_headers(),
            expected_size=file.size_bytes,
            displayed_filename=name,
        )
    if not _is_right(part, file):
        part.unlink()
        raise BundleError(
            f"{name} of {repository.hub_id} arrived with another content than the hub says; try "
            "again"
        )
    part.rename(work / name)


def _is_right(path: Path, file: _File) -> bool:
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    if file.sha256 is not None:
        return sha256(path) == file.sha256
    if file.blob is None:
        return True
    content = path.read_bytes()
    header = f"blob {len(content)}\0".encode()
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest() == file.blob


def _drop_others(work: Path, wanted: set[str]) -> None:
    """Remove what an attempt before, for another variant, has left."""
    for path in sorted(work.rglob("*"), reverse=True):
        if path.is_dir():
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()
        elif path.relative_to(work).as_posix() not in wanted:
            path.unlink()


@contextlib.contextmanager
def _hub_errors(hub_id: str, revision: str | None) -> Iterator[None]:
    """Turn the errors of huggingface_hub, and of the HTTP client below it, into ours."""
    at = f" at revision {revision!r}" if revision else ""
    try:
        yield
    except EdgeError:
        raise
    except errors.GatedRepoError as exc:
        raise BundleNotFoundError(
            f"{hub_id} is gated: accept its terms on the hub, and set HF_TOKEN to your token"
        ) from exc
    except errors.RepositoryNotFoundError as exc:
        raise BundleNotFoundError(
            f"the hub has no model {hub_id!r}, or it is private (then set HF_TOKEN)"
        ) from exc
    except errors.RevisionNotFoundError as exc:
        raise BundleNotFoundError(f"{hub_id} has no revision {revision!r}") from exc
    except errors.OfflineModeIsEnabled as exc:
        raise UnavailableError("HF_HUB_OFFLINE forbids the network; unset it to pull") from exc
    except errors.HFValidationError as exc:
        raise BundleError(f"{hub_id!r} is no id of a model on the hub (owner/name)") from exc
    except errors.HfHubHTTPError as exc:
        raise UnavailableError(f"the hub refuses {hub_id}{at}: {_first_line(exc)}") from exc
    except Exception as exc:  # requests and httpx, of which it uses one, have no common class
        raise UnavailableError(
            f"the hub cannot be reached for {hub_id}{at}: {_first_line(exc)}; what was fetched is "
            "kept for the next try"
        ) from exc


def _first_line(exc: Exception) -> str:
    return (str(exc).strip() or type(exc).__name__).split("\n", 1)[0]
