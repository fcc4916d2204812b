"""Whether the local answer is good enough, and what may leave when it is not; pure functions."""
