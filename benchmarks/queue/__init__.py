"""The durable queue: whether it gets slower as it gets longer, and what waiting together saves."""
