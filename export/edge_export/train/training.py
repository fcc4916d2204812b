"""From the parts of the data to trained weights."""

from __future__ import annotations

import numpy as np
import torch

from edge_export.train.assemble import bundle_heads
from edge_export.train.batches import Tokeniser
from edge_export.train.checkpoint import Checkpoint, Progress
from edge_export.train.loop import Run, fit
from edge_export.train.model import MultiTaskEncoder, base_directory
from edge_export.train.network import Trained, head_labels
from edge_export.train.parts import Parts
from edge_export.train.plan import Plan
from edge_export.train.recipe import Recipe
from edge_export.train.validation import Validation
from edge_runtime.inference.tokenizer import Tokenizer


def train_network(recipe: Recipe, parts: Parts, checkpoint: Checkpoint) -> tuple[Trained, Progress]:
    """Fine-tune the base model, from where the checkpoint stands.

    Raises:
        ConfigError: the base model is missing, a head has nothing to tell apart, the loss is no
            longer a number, or the checkpoint is broken or of another run.
    """
    labels = head_labels(recipe, parts.train)
    resumed = checkpoint.load()
    torch.manual_seed(recipe.training.seed)  # the heads begin at random
    model = MultiTaskEncoder(recipe, labels)
    tokenizer = Tokenizer(
        base_directory(recipe.base) / "tokenizer.json",
        max_length=recipe.max_length,
        token_types=recipe.token_types,
    )
    tokeniser = Tokeniser(tokenizer, recipe, labels)
    plan = Plan(model, recipe, tokeniser, parts.train)
    heads = bundle_heads(recipe, labels)
    judge = Validation(recipe, tokeniser, heads, parts.validation) if parts.validation else None
    progress = fit(Run(model, recipe, plan, judge, checkpoint, resumed))
    weights = {name: np.asarray(value) for name, value in _fp32(model).items()}
    return Trained(weights, model.config.to_dict(), labels), progress


def _fp32(model: MultiTaskEncoder) -> dict[str, torch.Tensor]:
    return {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
