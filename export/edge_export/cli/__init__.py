"""``edge-export``: one module per verb."""
