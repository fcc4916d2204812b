"""The same bundle with the last bits of a few weights changed: how far its outputs move by that.

Activations are rounded to int8. Where a value lies between two steps, its last bit decides, and
what follows decides otherwise again: after six layers the outputs are as far apart as those of
another quantization, though each product is exact. Two machines whose float32 differs in the last
bit cannot be closer than this.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from edge_export.bundle import write_bundle
from edge_runtime.bundles.store import Store

_CHANGE = 1e-5  # of the weights of all norms: some last bits of float32, added up over the layers


def perturbed(reference: str, work: Path) -> Path:
    """Write the bundle with changed norms below ``work``; return its directory."""
    bundle = Store(None).open(reference)
    files = work / "files"
    shutil.copytree(bundle.path, files)
    path = files / bundle.manifest.graph.file
    model = onnx.load(path)
    norms = {node.input[1] for node in model.graph.node if "LayerNorm" in node.op_type}
    norms |= {node.input[2] for node in model.graph.node if node.op_type.startswith("SkipSimpl")}
    random = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.name in norms:
            values = numpy_helper.to_array(tensor)
            noise = random.uniform(-_CHANGE, _CHANGE, values.shape)
            changed = (values * (1 + noise)).astype(values.dtype)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    (files / "model.onnx.data").unlink(missing_ok=True)
    onnx.save_model(model, path, save_as_external_data=True, location="model.onnx.data")
    write_bundle(files, bundle.manifest, work / "bundle", force=True)
    return work / "bundle"
