"""The pipeline of one query: preprocess, decide, answer or escalate, finalize."""
