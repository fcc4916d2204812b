"""The examples for clusters say what the commands understand."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from edge_runtime.bridge.cloud.budget import read_budgets
from edge_runtime.bridge.cloud.prompt_template import PromptTemplate
from edge_runtime.cli.cloud import app
from edge_runtime.settings import load_settings

CLUSTER = resources.files("edge_devices") / "assets/cluster"


@pytest.fixture
def kubernetes() -> dict[str, Any]:
    documents = yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text())
    return {each["kind"]: each for each in documents}


@pytest.fixture
def pod(kubernetes: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = kubernetes["StatefulSet"]["spec"]["template"]["spec"]
    return spec


def test_kubernetes_starts_a_worker_with_options_that_it_has(pod: dict[str, Any]) -> None:
    command = pod["containers"][0]["command"]
    assert command[:2] == ["edge-cloud", "serve"]
    context = typer.Context(typer.main.get_command(app).commands["serve"])  # type: ignore[attr-defined]
    given, rest, _ = context.command.make_parser(context).parse_args(list(command[2:]))
    assert rest == []
    assert given["worker"] == "$(POD_NAME)"
    assert given["broker"].startswith("mqtts://$(POD_NAME)@")
    # a pod is killed after the calls under way have had their time, not before
    assert float(given["drain_s"]) < pod["terminationGracePeriodSeconds"]
    assert float(given["timeout_s"]) < float(given["drain_s"])


def test_kubernetes_sets_variables_that_are_read(pod: dict[str, Any]) -> None:
    variables = {each["name"]: each.get("value", "secret") for each in pod["containers"][0]["env"]}
    secrets = {name for name, value in variables.items() if value == "secret"}
    assert secrets == {"POD_NAME", "EDGE_MQTT_PASSWORD", "EDGE_LLM_API_KEY"}
    assert load_settings(variables).mqtt_ca_file == variables["EDGE_MQTT_CA_FILE"]


def test_kubernetes_s_files_are_a_budget_and_a_prompt(
    kubernetes: dict[str, Any], tmp_path: Path
) -> None:
    files = kubernetes["ConfigMap"]["data"]
    (tmp_path / "budget.toml").write_text(files["budget.toml"])
    assert read_budgets(tmp_path / "budget.toml").node.day.requests == 2000
    PromptTemplate(files["prompt.jinja"])


def test_every_volume_that_is_mounted_is_there(pod: dict[str, Any]) -> None:
    mounted = {each["name"] for each in pod["containers"][0]["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]} | {"state"}


def test_rabbitmq_mirrors_the_sessions_of_mqtt() -> None:
    definitions = json.loads((CLUSTER / "rabbitmq-definitions.json").read_text())
    (policy,) = definitions["policies"]
    assert re.search(policy["pattern"], "mqtt-subscription-edge-kitchenqos1")
    assert policy["definition"]["ha-mode"] == "all"
    assert (CLUSTER / "rabbitmq.conf").read_text().count("\nload_definitions = ") == 1


def test_hivemq_shares_subscriptions_and_takes_the_largest_request() -> None:
    root = ET.fromstring((CLUSTER / "hivemq-config.xml").read_text())  # noqa: S314 - our own file
    assert root.findtext("mqtt/shared-subscriptions/enabled") == "true"
    assert int(root.findtext("mqtt/packets/max-packet-size") or 0) > 256 * 1024


@pytest.mark.parametrize("name", ["emqx.conf", "emqx-acl.conf", "hivemq-config.xml"])
def test_what_was_not_run_says_so(name: str) -> None:
    text = " ".join((CLUSTER / name).read_text().replace("%%", " ").replace("#", " ").split())
    assert re.search(r"was not\W+run\W+by us", text)
