"""Encoders in the shape of MiniLM-L6: ours against the runtimes people use.

``python -m benchmarks.encoders --work DIR`` times one text of 16 to 256 tokens, and a batch of 32
texts. Token ids go in, mean-pooled vectors come out. The peers' virtual environments are those of
``benchmarks.decoders``. The weights are random, or those of a BERT that ``--source`` names.
"""
