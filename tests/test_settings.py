from __future__ import annotations

from pathlib import Path

import pytest

from edge_runtime.errors import ConfigError
from edge_runtime.settings import load_settings


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EDGE_POLICY_PRIVACY", "clod", "Invalid enum value 'clod'; possible are cloud, local"),
        ("EDGE_MQTT_PROTOCOL", "4", "Invalid enum value '4'; possible are 3.1.1, 5"),
        ("EDGE_THREADS", "many", "Expected `int | null`, got `str`"),
    ],
)
def test_a_variable_that_is_wrong_is_named_with_what_it_may_be(
    variable: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({variable: value})
    assert str(caught.value).startswith(f"environment: {variable}: {said}")


def test_an_option_that_is_wrong_is_named_with_what_it_may_be() -> None:
    with pytest.raises(ConfigError, match=r"command line: mqtt_protocol: .* possible are 3\.1\.1"):
        load_settings({}, mqtt_protocol="4")


def test_each_line_of_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text('nod = "x"\n[policy]\nprivacy = "clod"\n')
    with pytest.raises(ConfigError) as caught:
        load_settings({"EDGE_CONFIG": str(path)})
    first, second = str(caught.value).split("; /")
    assert first == f"{path}:1: Object contains unknown field `nod`; is it node?"
    assert second.endswith("edge.toml:3: policy.privacy: Invalid enum value 'clod'; possible are "
                           "cloud, local, redact")  # fmt: skip
