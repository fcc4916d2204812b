r"""Decoders of random weights in the shapes of real ones: ours against the runtimes people use.

``python -m benchmarks.decoders --work DIR`` makes the models once below DIR, and measures prefill,
decode, load time and memory. Peers that need packages of their own run in virtual environments that
are named by options; one that is left out is reported as missing::

    python3.11 -m venv llama && CMAKE_ARGS="-DGGML_NATIVE=ON" llama/bin/pip install \
        llama-cpp-python gguf safetensors
    python3.11 -m venv ct2 && ct2/bin/pip install torch ctranslate2 sentencepiece \
        'transformers<4.58'
    python3.11 -m venv genai && genai/bin/pip install torch onnxruntime-genai onnx onnx_ir \
        'transformers>=5'
    python -m benchmarks.decoders --work DIR --llama-python llama/bin/python \
        --ct2-python ct2/bin/python --genai-python genai/bin/python

optimum and transformers are those of this Python. Ratios with two threads need a quiet machine: if
others use it, they are printed but decide nothing.

``python -m benchmarks.decoders.growth`` measures the cost against the length of the context, and
``python -m benchmarks.decoders.lookup`` prompt lookup on a trained model.
"""
