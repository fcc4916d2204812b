"""The worker beside a large model, and how one is asked without a node."""
