"""Recipes from TOML: those that ship with the package, and one's own."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from edge_export.train.defaults import fill_in, with_types
from edge_export.train.recipe import Recipe
from edge_runtime.errors import ConfigError


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe that ships with the package, by name, or any TOML file, by path.

    What it leaves out is filled in.

    Raises:
        ConfigError: there is no such recipe, or a field in it is wrong.
    """
    path = Path(name_or_path)
    shipped = resources.files("edge_export") / "recipes" / f"{name_or_path}.toml"
    try:
        raw = (path if _is_file_name(path) else shipped).read_bytes()
        document: dict[str, Any] = tomllib.loads(raw.decode())
        recipe = msgspec.convert(with_types(document), Recipe)
        return fill_in(recipe, path.parent)
    except FileNotFoundError as exc:
        raise ConfigError(f"no recipe {name_or_path!r}: give a name or a .toml file") from exc
    except OSError as exc:
        raise ConfigError(f"recipe {name_or_path!r}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"recipe {name_or_path!r} is not UTF-8") from exc
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ConfigError) as exc:
        raise ConfigError(f"recipe {name_or_path!r}: {exc}") from exc


def data_directory(name_or_path: str, data: Path | None) -> Path:
    """Return where the recipe's files are: as given, else beside the recipe.

    Raises:
        ConfigError: nothing is given, and the recipe is one that ships with the package.
    """
    if data is not None:
        return data
    if _is_file_name(Path(name_or_path)):
        return Path(name_or_path).parent
    raise ConfigError(f"recipe {name_or_path!r} ships without data: give its directory with --data")


def _is_file_name(path: Path) -> bool:
    return path.suffix == ".toml"
