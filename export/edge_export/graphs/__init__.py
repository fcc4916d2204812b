"""ONNX graphs built by hand in the form that measured fastest."""
