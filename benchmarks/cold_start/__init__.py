"""One command, one answer: what a whole process takes, from its start to its end.

``python -m benchmarks.cold_start`` runs ``edge-run classify TEXT`` in its own process and through a
running ``edge-run serve``, against the same job written plainly with onnxruntime, tokenizers and a
standard int8 model.
"""
