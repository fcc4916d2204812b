"""The training loop: mixed batches of all heads, bf16, one pass of the encoder for each batch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from edge_export.train.checkpoint import Checkpoint, Progress, Saved, Tensors
from edge_export.train.losses import batch_loss
from edge_export.train.model import MultiTaskEncoder
from edge_export.train.optimiser import load_moments, make_optimiser, moments, set_rates
from edge_export.train.plan import Plan
from edge_export.train.recipe import Recipe
from edge_export.train.validation import Validation
from edge_runtime.errors import ConfigError

_SAVE_EVERY = 100  # steps: about half a minute on a laptop
_SMOOTHED = 200  # steps that the running loss looks back on


@dataclass(frozen=True)
class Run:
    """What is trained, on what, judged by what (None: train to the end) and saved where.

    ``resumed`` is what the checkpoint held.
    """

    model: MultiTaskEncoder
    recipe: Recipe
    plan: Plan
    validation: Validation | None
    checkpoint: Checkpoint
    resumed: Saved | None


def fit(run: Run) -> Progress:
    """Train the model in place, from where the checkpoint stands; return where it ended.

    With a validation, the weights are those of the best one. Shows a progress bar on stderr.

    Raises:
        ConfigError: the loss is no longer a number, or the checkpoint cannot be written.
    """
    optimiser = make_optimiser(run.model, run.recipe.training)
    torch.manual_seed(run.recipe.training.seed)
    progress, best = _resume(run, optimiser)
    started, saved = time.monotonic() - progress.seconds, progress.step
    run.model.train()
    with tqdm(total=run.plan.steps, initial=progress.step, desc="train", unit="step") as bar:
        while not progress.finished:
            loss = _step(run, optimiser, progress.step)
            progress.step += 1
            progress.running_loss += (loss - progress.running_loss) / min(progress.step, _SMOOTHED)
            progress.finished = progress.step >= run.plan.steps
            if run.validation and (run.plan.epoch_is_over or progress.finished):
                best = _validate(run, run.validation, progress) or best
            bar.update()
            bar.set_postfix(_shown(progress), refresh=False)
            if progress.finished or progress.step - saved >= _SAVE_EVERY:
                progress.seconds = time.monotonic() - started
                _save(run, optimiser, progress, best)
                saved = progress.step
    if best:
        run.model.load_state_dict(best, strict=False)
    run.model.eval()
    return progress


def _step(run: Run, optimiser: torch.optim.Optimizer, step: int) -> float:
    set_rates(optimiser, run.recipe.training, step, run.plan.steps)
    loss = batch_loss(run.model, run.recipe, run.plan.take())
    loss.backward()
    norm = float(nn.utils.clip_grad_norm_(run.model.parameters(), 1.0))
    value = float(loss.detach())
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise ConfigError(
            f"the loss is {value} and its gradient {norm} at step {step + 1}: lower learning_rate "
            "and head_learning_rate in [training], or look for broken weights in the base model"
        )
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return value


def _validate(run: Run, validation: Validation, progress: Progress) -> Tensors | None:
    """Score the model; return a copy of its weights if they are the best so far."""
    score = validation.score(run.model)
    if progress.best is not None and score <= progress.best:
        progress.stale += 1
        progress.finished |= progress.stale >= run.recipe.training.patience
        return None
    progress.best, progress.best_step, progress.stale = score, progress.step, 0
    return {name: value.clone() for name, value in run.model.trained().items()}


def _shown(progress: Progress) -> dict[str, str]:
    best = {} if progress.best is None else {"best": f"{progress.best:.4f}"}
    return {"loss": f"{progress.running_loss:.3f}", **best}


def _save(run: Run, optimiser: torch.optim.Optimizer, progress: Progress, best: Tensors) -> None:
    progress.epoch_state = run.plan.epoch_state
    progress.position = run.plan.position
    groups = {
        "model": run.model.trained(),
        "best": best,
        "optimiser": moments(optimiser),
        "random": {"torch": torch.get_rng_state()},
    }
    tensors = {f"{group}/{name}": v for group, found in groups.items() for name, v in found.items()}
    run.checkpoint.save(progress, tensors)


def _resume(run: Run, optimiser: torch.optim.Optimizer) -> tuple[Progress, Tensors]:
    if run.resumed is None:
        return Progress(), {}
    progress, tensors = run.resumed
    groups: dict[str, Tensors] = {"model": {}, "best": {}, "optimiser": {}, "random": {}}
    for key, value in tensors.items():
        group, _, name = key.partition("/")
        groups[group][name] = value
    run.model.load_state_dict(groups["model"], strict=False)
    load_moments(optimiser, groups["optimiser"])
    torch.set_rng_state(groups["random"]["torch"])
    run.plan.rewind(progress.epoch_state, progress.position)
    return progress, groups["best"]
