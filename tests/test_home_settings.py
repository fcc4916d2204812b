from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.assistant.commands.names import Home
from edge_runtime.errors import ConfigError
from edge_runtime.settings import Settings, load_settings


def settings(tmp_path: Path, content: str, **environment: str) -> Settings:
    config = tmp_path / "edge.toml"
    config.write_text(content)
    return load_settings({"EDGE_CONFIG": str(config), **environment})


def test_the_owners_names_are_read_from_the_table_home(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        'commands_topic = "home/x"\n'
        '[home]\ndevices = ["Desk Lamp"]\nareas = ["Den"]\narea = "Den"\n',
    )
    assert found.home == Home(devices=("Desk Lamp",), areas=("Den",), area="Den")
    assert found.commands_topic == "home/x"


def test_without_the_table_nothing_is_known(tmp_path: Path) -> None:
    assert settings(tmp_path, "").home == Home()
    assert settings(tmp_path, "").commands_topic is None


def test_a_variable_named_like_the_table_is_not_read(tmp_path: Path) -> None:
    assert settings(tmp_path, '[home]\narea = "Den"\n', EDGE_HOME="/root").home.area == "Den"


@pytest.mark.parametrize("line", ['rooms = ["x"]', 'devices = "lamp"', "areas = [1]"])
def test_a_key_or_type_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"edge\.toml.*home"):
        settings(tmp_path, f"[home]\n{line}\n")
