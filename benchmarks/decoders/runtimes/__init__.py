"""One module for each runtime, served by ``benchmarks.harness.child`` in a Python that has it.

Settings: ``source`` (a directory of Hugging Face files), ``model`` (the file or directory that the
runtime reads), ``form``, ``threads``, and ``context``, the longest sequence. Cases: ``ids`` to read
and ``tokens``, how many to make after the first. Answers: timings ``prefill`` (all of ``ids`` and
the choice of the first token) and ``decode``, and ``made``, the tokens.
"""
