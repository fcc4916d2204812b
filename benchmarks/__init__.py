"""Measurements, and the broker that they, the demo and the tests run on; not in the wheel."""
