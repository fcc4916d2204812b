"""fp32 graphs to int8 and 4-bit ones: which product is computed how, and with which numbers."""
