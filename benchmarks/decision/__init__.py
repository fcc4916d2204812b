"""Whether the decision keeps its promise: guarantee, coverage, out-of-scope scores, hard questions.

``python -m benchmarks.decision --data DIR`` reads the same data sets as ``benchmarks.assistant``.
"""
