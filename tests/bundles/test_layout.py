from __future__ import annotations

import pytest

from edge_runtime.bundles.layout import Graphs, choose_graphs
from edge_runtime.errors import BundleError

ALL = ["model.onnx", *(f"model_{s}.onnx" for s in ("quantized", "int8", "uint8", "q4", "q4f16",
                                                   "fp16", "bnb4"))]  # fmt: skip


def _in_onnx(*names: str) -> list[str]:
    return [f"onnx/{name}" for name in names]


@pytest.mark.parametrize("folder", ["", "onnx/"])
def test_int8_is_taken_where_every_precision_is_there(folder: str) -> None:
    names = [folder + name for name in ALL]
    for writes in (True, False):
        assert choose_graphs(names, writes=writes) == Graphs(f"{folder}model_quantized.onnx", "q8")


@pytest.mark.parametrize(("writes", "variant"), [(True, "q4"), (False, "fp32")])
def test_without_int8_a_writer_takes_4_bits_and_a_reader_fp32(
    *, writes: bool, variant: str
) -> None:
    names = ["model.onnx", "model_q4.onnx", "model_fp16.onnx"]
    assert choose_graphs(names, writes=writes).variant == variant


@pytest.mark.parametrize(
    ("variant", "file"),
    [
        ("fp32", "model.onnx"),
        ("q8", "model_quantized.onnx"),
        ("quantized", "model_quantized.onnx"),
        ("q4f16", "model_q4f16.onnx"),
        ("O3", "model_O3.onnx"),
    ],
)
def test_a_named_variant_is_taken(variant: str, file: str) -> None:
    assert choose_graphs([*ALL, "model_O3.onnx"], writes=True, variant=variant).file == file


@pytest.mark.parametrize("name", ["model_O3.onnx", "onnx/model_qint8_arm64.onnx", "phi3-int4.onnx"])
def test_the_only_graph_is_taken_whatever_its_name(name: str) -> None:
    assert choose_graphs([name], writes=False).file == name


def test_an_encoder_decoder_takes_the_merged_decoder() -> None:
    names = _in_onnx("encoder_model.onnx", "decoder_model.onnx", "decoder_with_past_model.onnx",
                     "decoder_model_merged.onnx")  # fmt: skip
    assert choose_graphs(names, writes=True) == Graphs(
        "onnx/decoder_model_merged.onnx", "fp32", encoder="onnx/encoder_model.onnx"
    )


def test_without_a_merged_decoder_the_pair_is_taken() -> None:
    names = ["encoder_model.onnx", "decoder_model.onnx", "decoder_with_past_model.onnx"]
    found = choose_graphs(names, writes=True)
    assert found == Graphs(
        "decoder_with_past_model.onnx", "fp32", first="decoder_model.onnx",
        encoder="encoder_model.onnx",
    )  # fmt: skip
    assert set(found.files) == set(names)


def test_an_encoder_of_another_precision_serves_where_there_is_no_other() -> None:
    names = ["encoder_model.onnx", "decoder_model_merged.onnx", "decoder_model_merged_q4.onnx"]
    assert choose_graphs(names, writes=True, variant="q4").encoder == "encoder_model.onnx"


def test_a_decoder_alone_may_be_merged_or_a_pair() -> None:
    merged = choose_graphs(_in_onnx("decoder_model_merged_quantized.onnx"), writes=True)
    assert merged == Graphs("onnx/decoder_model_merged_quantized.onnx", "q8")
    pair = choose_graphs(["decoder_model.onnx", "decoder_with_past_model.onnx"], writes=True)
    assert pair.first == "decoder_model.onnx"


@pytest.mark.parametrize(
    ("names", "variant", "says"),
    [
        (["model.safetensors"], None, "edge-export"),
        (["cpu/model.onnx"], None, "only in cpu/"),
        (["model.onnx", "model_q4.onnx"], "q3", "no variant 'q3'; there are fp32, q4"),
        (["model_O2.onnx", "model_O3.onnx"], None, "NAME:O2 .O2, O3."),
        (["encoder_model.onnx", "decoder_model.onnx"], None, "KV cache"),
        (["a.onnx", "b.onnx"], None, "a.onnx, b.onnx"),
        (["a.onnx"], "q4", "a.onnx"),
    ],
)
def test_what_cannot_be_chosen_is_said(names: list[str], variant: str | None, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        choose_graphs(names, writes=True, variant=variant, where="there")
