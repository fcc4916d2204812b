"""One module for each runtime, served by ``benchmarks.harness.child`` in a Python that has it.

Settings: ``source`` (a directory of Hugging Face files), ``model`` (what the runtime reads),
``form`` and ``threads``. Cases: ``ids``, token ids ``[texts, tokens]``, and ``repeats``. Answers:
the timing ``encode``, whose units are texts, and ``vector``, the first text's.
"""
