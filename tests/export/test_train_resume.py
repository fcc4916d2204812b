"""Runs that stop: by a signal, early, or because nothing sensible can come of them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from edge_export.cli.app import app
from edge_export.train import loop, run
from edge_export.train.checkpoint import Checkpoint, Progress
from edge_export.train.load import load_recipe
from edge_export.train.losses import batch_loss
from edge_export.train.network import Trained
from edge_export.train.parts import divide
from edge_export.train.training import train_network
from edge_export.train.validation import Validation
from edge_runtime.bundles.manifest import Manifest, read_manifest
from edge_runtime.errors import ConfigError

from .conftest import save_model
from .test_train_domain import coffee_rows

pytestmark = pytest.mark.export

RECIPE = """
name = "coffee"
base = "base"

[training]
epochs = 3
anchor_texts = 20
anchor_weight = 0.1
recase = 0.3
join = 0.3
{more}

[heads.embedding]

[[sources]]
head = "intent"
train = "coffee.jsonl"

[[sources]]
head = "slots"
train = "coffee.jsonl"
"""


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    save_model(tmp_path / "base", "BertModel")
    write_data(tmp_path, seed=5)
    write_recipe(tmp_path)
    torch.set_num_threads(1)
    return tmp_path


def write_data(directory: Path, seed: int) -> None:
    content = "".join(json.dumps(row) + "\n" for row in coffee_rows(140, seed))
    (directory / "coffee.jsonl").write_text(content)


def write_recipe(directory: Path, more: str = "") -> None:
    (directory / "coffee.toml").write_text(RECIPE.format(more=more))


def train_here(directory: Path, name: str = "saved") -> tuple[Trained, Progress]:
    recipe = load_recipe(str(directory / "coffee.toml"))
    recipe = msgspec.structs.replace(recipe, max_length=64)
    saved = Checkpoint(directory / name, recipe, directory)
    return train_network(recipe, divide(recipe, directory), saved)


def train_by_command(directory: Path, *options: str, out: str = "out") -> Result:
    arguments = ["train", str(directory / "coffee.toml"), "-o", str(directory / out)]
    return CliRunner().invoke(app, [*arguments, "--threads", "1", *options])


def interrupt(monkeypatch: pytest.MonkeyPatch, at_step: int, save_every: int) -> None:
    """Let the next run end as Ctrl-C ends it, within a step."""
    taken = [0]

    def loss(*arguments: object) -> torch.Tensor:
        taken[0] += 1
        if taken[0] == at_step:
            monkeypatch.setattr(loop, "batch_loss", batch_loss)
            raise KeyboardInterrupt
        return batch_loss(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "batch_loss", loss)
    monkeypatch.setattr(loop, "_SAVE_EVERY", save_every)


# eight batches make an epoch of this data, seven with a validation part: saved within an epoch, and
# between two
@pytest.mark.parametrize(("save_every", "at_step"), [(3, 13), (7, 8), (8, 9)])
@pytest.mark.parametrize("more", ["", "patience = 2"])
def test_an_interrupted_run_reaches_the_weights_of_an_uninterrupted_one(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, more: str, save_every: int, at_step: int
) -> None:
    write_recipe(workplace, more)
    whole, progress = train_here(workplace, "whole")
    assert progress.step > at_step

    interrupt(monkeypatch, at_step, save_every)
    with pytest.raises(KeyboardInterrupt):
        train_here(workplace)
    assert (workplace / "saved" / "training.safetensors").is_file()
    resumed, again = train_here(workplace)
    assert (again.step, again.best) == (progress.step, progress.best)
    assert again.running_loss == progress.running_loss
    assert resumed.weights.keys() == whole.weights.keys()
    for name, value in whole.weights.items():
        assert np.array_equal(value, resumed.weights[name]), name


def test_the_same_command_goes_on_after_ctrl_c(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train_by_command(workplace, out="whole").exit_code == 0

    interrupt(monkeypatch, at_step=9, save_every=4)
    stopped = train_by_command(workplace)
    assert stopped.exit_code != 0
    assert f"the same command goes on from {workplace / '.out.training'}" in stopped.stderr
    assert not (workplace / "out").exists()

    resumed = train_by_command(workplace)
    assert resumed.exit_code == 0
    assert not (workplace / ".out.training").exists()
    assert weights(workplace / "out") == weights(workplace / "whole")


def test_what_is_trained_is_not_trained_again(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(run, "measure", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert train_by_command(workplace).exit_code != 0
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_int8", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        full = train_by_command(workplace)
    assert isinstance(full.exception, ConfigError)
    assert "full; the same command goes on from here" in str(full.exception)
    monkeypatch.setattr(loop, "batch_loss", lambda *_: pytest.fail("trains again"))
    assert train_by_command(workplace).exit_code == 0


def weights(bundle: Path) -> dict[str, str]:
    found: Manifest = read_manifest(bundle)
    return {file.path: file.sha256 for file in found.files}


def interrupted(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    interrupt(monkeypatch, at_step=5, save_every=2)
    with pytest.raises(KeyboardInterrupt):
        train_here(workplace, ".out.training")
    return workplace / ".out.training" / "training.safetensors"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda place: write_recipe(place, "dropout = 0.2"), "recipe changed"),
        (lambda place: write_data(place, seed=6), "data changed"),
        (lambda place: save_model(place / "base", "BertModel", spread=2.0), "base model changed"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_until_it_is_dropped(
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], object],
    says: str,
) -> None:
    interrupted(workplace, monkeypatch)
    change(workplace)
    refused = train_by_command(workplace)
    assert isinstance(refused.exception, ConfigError)
    assert says in str(refused.exception)
    assert "--restart" in str(refused.exception)
    assert train_by_command(workplace, "--restart").exit_code == 0


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, None])
def test_a_damaged_checkpoint_is_one_clear_error(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    file = interrupted(workplace, monkeypatch)
    file.write_bytes(file.read_bytes()[:-1000] if damage is None else damage)
    refused = train_by_command(workplace)
    assert isinstance(refused.exception, ConfigError)
    assert "is damaged" in str(refused.exception)
    assert "--restart" in str(refused.exception)


def test_a_full_disk_leaves_the_last_checkpoint(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interrupted(workplace, monkeypatch).read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigError, match="cannot be written: No space left"):
            train_here(workplace, ".out.training")
    assert (workplace / ".out.training" / "training.safetensors").read_bytes() == before
    assert len(list((workplace / ".out.training").iterdir())) == 1
    assert train_here(workplace, ".out.training")[1].finished


def test_the_checkpoint_goes_where_the_user_says(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "mine").mkdir()
    (workplace / "mine" / "notes.txt").write_text("keep")
    interrupt(monkeypatch, at_step=5, save_every=2)
    train_by_command(workplace, "--checkpoint", str(workplace / "mine"))
    assert (workplace / "mine" / "training.safetensors").is_file()
    assert train_by_command(workplace, "--checkpoint", str(workplace / "mine")).exit_code == 0
    assert [path.name for path in (workplace / "mine").iterdir()] == ["notes.txt"]


def test_a_run_is_reproducible(workplace: Path) -> None:
    first, second = (train_here(workplace, name)[0] for name in ("one", "two"))
    write_recipe(workplace, "seed = 14")
    other = train_here(workplace, "three")[0]
    assert all(np.array_equal(v, second.weights[k]) for k, v in first.weights.items())
    assert not np.array_equal(
        first.weights["heads.intent.weight"], other.weights["heads.intent.weight"]
    )


def test_training_stops_early_and_keeps_the_best_weights(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.9, 0.8, 0.9])
    seen: list[torch.Tensor] = []

    def score(_: Validation, model: torch.nn.Module) -> float:
        seen.append(model.state_dict()["heads.intent.weight"].clone())
        return next(scores)

    monkeypatch.setattr(Validation, "score", score)
    write_recipe(workplace, "patience = 2")
    (workplace / "coffee.toml").write_text(
        (workplace / "coffee.toml").read_text().replace("epochs = 3", "epochs = 20")
    )
    trained, progress = train_here(workplace)
    assert len(seen) == 4
    assert (progress.best, progress.stale, progress.finished) == (0.9, 2, True)
    assert np.array_equal(trained.weights["heads.intent.weight"], seen[1].numpy())


def test_without_patience_it_trains_to_the_end(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Validation, "score", lambda *_: pytest.fail("nothing to validate"))
    _, progress = train_here(workplace)
    assert (progress.best, progress.finished) == (None, True)


def test_the_bar_shows_loss_and_best_score(workplace: Path) -> None:
    write_recipe(workplace, "patience = 2")
    result = train_by_command(workplace)
    assert "loss=" in result.stderr
    assert "best=" in result.stderr
    assert read_manifest(workplace / "out").report["training"]["best_validation"] > 0


def test_a_loss_that_is_no_number_stops_the_run(workplace: Path) -> None:
    write_recipe(workplace, "learning_rate = 1e30")
    result = train_by_command(workplace)
    assert isinstance(result.exception, ConfigError)
    assert "lower learning_rate" in str(result.exception)
    assert not (workplace / "out").exists()


def test_a_base_model_with_broken_weights_stops_the_run(workplace: Path) -> None:
    file = workplace / "base" / "model.safetensors"
    tensors = load_file(file)
    tensors["embeddings.LayerNorm.weight"][0] = float("nan")
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(ConfigError, match=r"the loss is nan .* at step 1: .*base model"):
        train_here(workplace)
