"""Directories as others make them: by optimum, rearranged for transformers.js, quantized."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from optimum.exporters.onnx import export, main_export
from optimum.exporters.tasks import TasksManager
from optimum.onnx.graph_transformations import merge_decoders
from transformers import AutoModelForCausalLM

from tests.export.families import FAMILIES

PARTS = ("encoder_model", "decoder_model", "decoder_with_past_model", "decoder_model_merged")
_TASKS = {
    "text-generation": "text-generation-with-past",
    "summarization": "text2text-generation-with-past",
    "translation": "text2text-generation-with-past",
}


def optimum_export(name: str, source: Path, out: Path) -> Path:
    """What ``optimum-cli export onnx`` writes for a family; the model is saved to ``source``."""
    family = FAMILIES[name]
    family.save(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main_export(
            str(source), output=out, task=_TASKS.get(family.task, family.task), dtype="fp32",
            library_name="transformers", do_validation=False,
        )  # fmt: skip
    return out


def decoder_pair(source: Path, out: Path) -> Path:
    """A decoder as optimum made them before 1.14: two graphs, and both merged into one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_pretrained(source)
        config: Any = TasksManager.get_exporter_config_constructor(
            "onnx", model=model, task="text-generation", library_name="transformers"
        )
        _copy_beside(source, out)
        for file, past in (("decoder_model.onnx", False), ("decoder_with_past_model.onnx", True)):
            settings = config(
                model.config, task="text-generation", use_past=True, use_past_in_inputs=past
            )
            export(model, settings, out / file, opset=18)
        merge_decoders(
            out / "decoder_model.onnx", out / "decoder_with_past_model.onnx",
            save_path=out / "decoder_model_merged.onnx", strict=False,
        )  # fmt: skip
    return out


def without(directory: Path, out: Path, *stems: str) -> Path:
    """A copy that lacks some graphs."""
    shutil.copytree(directory, out)
    for stem in stems:
        (out / f"{stem}.onnx").unlink()
    return out


def transformers_js(directory: Path, out: Path, suffix: str = "") -> Path:
    """Move the graphs to ``onnx/``, in int8 or float16 where ``suffix`` says so."""
    _copy_beside(directory, out)
    (out / "onnx").mkdir()
    for graph in directory.glob("*.onnx"):
        target = out / "onnx" / f"{graph.stem}{suffix}.onnx"
        if suffix == "_quantized":
            quantize_dynamic(graph, target, weight_type=QuantType.QInt8)
        elif suffix == "_fp16":
            half = convert_float_to_float16(onnx.load(graph), disable_shape_infer=True)
            onnx.save(half, target)
        else:
            shutil.copyfile(graph, target)
    return out


def external(directory: Path, out: Path) -> Path:
    """Move the weights of ``model.onnx`` out of the graph."""
    _copy_beside(directory, out)
    onnx.save_model(
        onnx.load(directory / "model.onnx"), out / "model.onnx", save_as_external_data=True,
        location="model.onnx_data", size_threshold=64,
    )  # fmt: skip
    return out


def _copy_beside(directory: Path, out: Path) -> None:
    out.mkdir()
    for path in directory.iterdir():
        if path.suffix in {".json", ".txt"}:
            shutil.copyfile(path, out / path.name)
