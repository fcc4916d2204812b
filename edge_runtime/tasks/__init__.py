"""Tasks: a text in, a typed result out; one file for each."""
