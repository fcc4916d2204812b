"""What quantization costs a decoder whose activations have planted outliers, ours and llama.cpp's.

``python -m benchmarks.outliers --llama-python PATH`` prints a table and a JSON document. The Python
at PATH is that of a virtual environment of its own, which ``CMAKE_ARGS="-DGGML_NATIVE=ON" pip
install llama-cpp-python gguf safetensors`` fills in ten minutes.
"""
