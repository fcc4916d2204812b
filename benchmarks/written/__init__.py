"""How well a bundle that makes text knows whether its answers are right.

Signals of its own certainty, each ranked by AUROC on questions with known answers, and the
logistic model of ``edge-export calibrate`` fitted on other questions than it is judged on.
"""
