"""``models``: the bundles on this device."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edge_runtime.cli.options import Json
from edge_runtime.cli.run import fail, make_app
from edge_runtime.cli.show import BundleArgument, show
from edge_runtime.errors import BundleError, EdgeError
from edge_runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from edge_runtime.bundles.signatures import Verification
    from edge_runtime.bundles.store import Bundle, Store

models = make_app("models", "The bundles on this device.")

NewName = Annotated[
    str | None, typer.Option("--name", help="Its name in the store; the last part if left out.")
]


@models.command("ls")
def list_models(as_json: Json = False) -> None:
    """List the bundles that have a name."""
    store = _store()
    broken = False
    for path in store.directories():
        try:
            manifest = store.read(path).manifest
        except EdgeError as exc:
            broken = True
            fail(exc)
            continue
        size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        row = {
            "name": path.name,
            "version": manifest.version,
            "task": manifest.task,
            "heads": list(manifest.heads),
            "size_bytes": size_bytes,
            "hashes": bool(manifest.files),
            "path": str(path),
        }
        if as_json:
            print(msgspec.json.encode(row).decode())
        else:
            known = "hashes" if manifest.files else "unverified"
            print(
                f"{path.name}  {manifest.version}  {size_bytes / 1e6:.1f} MB  {manifest.task}  "
                f"{','.join(manifest.heads) or '-'}  {known}  {path}"
            )
    if broken:
        raise typer.Exit(1)


models.command("show")(show)


@models.command("pull")
def pull(
    hub_id: Annotated[str, typer.Argument(help="A model on the Hugging Face hub: owner/name.")],
    revision: Annotated[
        str | None, typer.Option(help="A branch, tag or commit; main if left out.")
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help="A precision by its name there: fp32, q8, q4, …; the best for a CPU."),
    ] = None,
    name: NewName = None,
    as_json: Json = False,
) -> None:
    """Download a model with a ready-made ONNX graph; the only verb that uses the network."""
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from edge_runtime.bundles.hub import pull_bundle

    made = pull_bundle(
        _store(),
        hub_id,
        revision=revision,
        variant=variant,
        name=name,
        report=lambda line: print(line, file=sys.stderr),
    )
    _print_new(made, as_json=as_json)


@models.command("add")
def add(
    directory: Annotated[str, typer.Argument(help="A directory; DIR:q4 names a precision.")],
    name: NewName = None,
    as_json: Json = False,
) -> None:
    """Check a bundle or a ready-made directory, and copy it into the store."""
    from edge_runtime.bundles.install import add_bundle

    _print_new(add_bundle(_store(), directory, name), as_json=as_json)


@models.command("rm")
def remove(name: Annotated[str, typer.Argument(help="A bundle's name in the store.")]) -> None:
    """Delete a bundle from the store."""
    from edge_runtime.bundles.install import remove_bundle

    settings = load_settings()
    if name == settings.bundle and name != Settings().bundle:
        raise BundleError(
            f"{name!r} is the bundle that this device answers with; choose another first, with "
            "EDGE_BUNDLE or in edge.toml"
        )
    print(f"removed {remove_bundle(_store(), name)}")


@models.command("verify")
def verify(
    bundle: BundleArgument = "assistant",
    public_key: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The public key that you trust (PEM)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash every file of a bundle and compare with its manifest; with a key, check who signed."""
    from edge_runtime.bundles.signatures import check
    from edge_runtime.bundles.store import Store

    path = _store().find(bundle)
    opened = Store(None).open(str(path))  # no cache: a check that was asked for reads every byte
    found = check(opened, None if public_key is None else public_key.read_bytes())
    if as_json:
        print(msgspec.json.encode(found).decode())
    elif found.verified:
        print("\n".join(verification_lines(found)))
    else:
        print(f"{opened.path}: no bundle.json, so there is nothing to compare with (unverified)")


def _store() -> Store:
    from edge_runtime.bundles.store import Store

    return Store(load_settings().state_directory)


def _print_new(bundle: Bundle, *, as_json: bool) -> None:
    manifest = bundle.manifest
    if as_json:
        print(msgspec.json.encode(manifest).decode())
        return
    print(f"{bundle.path.name}  {manifest.version}  {manifest.task}  {bundle.path}")
    print(f"  {', '.join(manifest.graph.files)}, {len(manifest.files)} files with their hashes")


def verification_lines(found: Verification) -> list[str]:
    """Return for people what was checked, and what was not."""
    signature = {
        "none": "not signed",
        "untrusted": f"signed with key {found.public_key}, which was not checked against a trusted "
        "key (--public-key)",
        "trusted": f"signed with the trusted key {found.public_key}",
    }[found.signature]
    lines = [f"{found.model}: {found.files} files are as the manifest says", signature]
    if found.unlisted:
        lines.append(f"not in the manifest, so nothing covers them: {', '.join(found.unlisted)}")
    return lines
