"""What a Hugging Face ``config.json`` says a model does, and how much it can read."""

from __future__ import annotations

from typing import Any

from edge_runtime.bundles.manifest import Head, HeadType, Pooling, Task
from edge_runtime.errors import UnsupportedTaskError

# from the class name of the model: what its last part means
_TASKS: list[tuple[str, Task]] = [
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForCausalLM", "text-generation"),
    ("LMHeadModel", "text-generation"),
    ("ForConditionalGeneration", "summarization"),
    ("MTModel", "translation"),
    ("Model", "feature-extraction"),
]
TASKS_THAT_WRITE: tuple[Task, ...] = ("text-generation", "summarization", "translation")
# encoder-decoders that were made to translate; of the others the config tells
_TRANSLATORS = {"fsmt", "m2m_100", "marian", "mbart", "nllb-moe"}
# head type, head name, output name; a task that makes text has no heads
_HEADS: dict[Task, tuple[HeadType, str, str]] = {
    "text-classification": ("classification", "labels", "logits"),
    "token-classification": ("tagging", "entities", "logits"),
    "question-answering": ("span", "answer", "start_logits"),
    "feature-extraction": ("embedding", "embedding", "last_hidden_state"),
}
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len")
# the position table begins after the padding index
_OFFSET_POSITIONS = {"camembert", "data2vec-text", "mpnet", "roberta", "xlm-roberta", "xmod"}
# tokens, where the model itself would read more: an encoder's windows, and a board's KV cache
LONGEST: dict[Task, int] = {
    "text-classification": 512,
    "token-classification": 512,
    "question-answering": 512,
    "feature-extraction": 512,
    "text-generation": 2048,
    "summarization": 1024,
    "translation": 512,
}


def architecture_of(config: dict[str, Any]) -> str:
    """Return the name of the transformers class, empty where the config names none."""
    return str((config.get("architectures") or [""])[0])


def task_of(architecture: str) -> Task:
    """Return the task of a transformers class.

    Raises:
        UnsupportedTaskError: none that runs here.
    """
    for suffix, task in _TASKS:
        if architecture.endswith(suffix):
            return task
    if architecture.endswith("ForMaskedLM"):
        raise UnsupportedTaskError(
            f"{architecture} fills masks, which is no task here; export its encoder, as "
            "feature-extraction, or train a head on it (edge-export train)"
        )
    raise UnsupportedTaskError(f"no task is known for the architecture {architecture!r}")


def writes(config: dict[str, Any]) -> bool:
    """Whether the class of the model is one that makes text."""
    name = architecture_of(config)
    return any(name.endswith(suffix) for suffix, task in _TASKS if task in TASKS_THAT_WRITE)


def translates(config: dict[str, Any]) -> bool:
    """Whether an encoder-decoder was made to translate, rather than to summarize.

    T5 is made for both, and its config lists prompts for both: that is a summarizer here.
    """
    if config.get("model_type") in _TRANSLATORS or architecture_of(config).endswith("MTModel"):
        return True
    declared = config.get("task_specific_params") or {}
    return bool(declared) and all(str(name).startswith("translation") for name in declared)


def heads_of(task: Task, config: dict[str, Any], pooling: Pooling = "mean") -> dict[str, Head]:
    """Return the heads of a model for a task, by name, from its HF config."""
    if task not in _HEADS:
        return {}
    kind, name, output = _HEADS[task]
    if kind == "embedding":
        return {name: Head(type=kind, output=output, pooling=pooling)}
    if kind == "span":
        return {name: Head(type=kind, output=output)}
    # transformers does not save the two labels that it takes when none are given
    declared = config.get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
    by_id = {int(key): str(label) for key, label in declared.items()}
    labels = [by_id[index] for index in sorted(by_id)]
    multi = config.get("problem_type") == "multi_label_classification"
    return {name: Head(type=kind, output=output, labels=labels, multi_label=multi)}


def max_length_of(config: dict[str, Any], *, longest: int) -> int:
    """Return the number of tokens that the model can read at once, at most ``longest``."""
    known = (config.get(key) for key in _LENGTHS)
    positions = int(next((value for value in known if value), longest))
    if config.get("model_type") in _OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return min(positions, longest)
