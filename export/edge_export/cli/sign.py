"""``sign`` and ``verify``: who made a bundle, and that nothing changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edge_export.signing import sign_bundle, verify_bundle, write_new_key
from edge_runtime.cli.models import verification_lines
from edge_runtime.errors import ConfigError


def sign(
    bundle: Annotated[Path | None, typer.Argument(help="The bundle's directory.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="The private Ed25519 key (PEM, mode 0600).")
    ] = None,
    new_key: Annotated[
        Path | None, typer.Option(help="Make a key first: this file, and FILE.pub to verify with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Sign a bundle's manifest, which holds the hash of every file."""
    if (key is None) == (new_key is None):
        raise ConfigError("give --key FILE, or --new-key FILE to make one")
    row: dict[str, str] = {}
    if new_key is not None:
        public = write_new_key(new_key)
        row = {"private_key_file": str(new_key), "public_key_file": str(public)}
        if not as_json:
            print(f"{new_key}: a new private key; keep it secret. {public}: its public key")
    elif bundle is None:
        raise ConfigError("name the bundle to sign")
    if bundle is not None:
        opened, signature = sign_bundle(bundle, key or new_key or Path())
        row |= {"model": opened.model_name, **msgspec.to_builtins(signature)}
        if not as_json:
            print(f"{opened.model_name}: {len(opened.manifest.files)} files signed with "
                  f"{signature.algorithm} key {signature.public_key}")  # fmt: skip
    if as_json:
        print(msgspec.json.encode(row).decode())


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's directory.")],
    public_key: Annotated[
        Path | None, typer.Option(help="The public key that you trust (PEM).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Hash every file and compare with the manifest; with a key, check who signed it."""
    found = verify_bundle(bundle, public_key)
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    print("\n".join(verification_lines(found)))
