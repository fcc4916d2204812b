"""Bundles and the runtime over the air: transfer, health gate, switch, roll back."""
