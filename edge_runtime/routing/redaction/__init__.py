"""Redaction: private parts of a text become placeholders, and come back in the answer.

A text goes through ``patterns`` (what is private), ``redacting`` (what leaves, and the map) and,
when the answer comes, ``restoring``. Everything is a function of its arguments: no state outlives a
call, so requests cannot mix.
"""
