"""How well a bundle that makes text knows whether its answers are right.

Signals of its own certainty, each ranked by AUROC on questions with known answers: entropy, length
and margins of its tokens, the probe of a hidden state, and what ``edge-export calibrate`` makes of
all of them, fitted on other questions than it is judged on. And what reading a probe costs.
"""
