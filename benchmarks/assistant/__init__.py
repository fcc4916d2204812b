"""How right the assistant's bundle is, head by head, on public data sets that others can read too.

``python -m benchmarks.assistant --data DIR`` runs every text through the bundle as a device does,
one at a time in int8. Another split only takes ``--split``: files are ``<set>/<split>.<ending>``.
"""
