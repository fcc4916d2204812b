"""The node on the device: from a received request to its answer."""
