"""Answers of the large model that are given again: to the same question, or to one that is as good.

A near miss (another name, another number, a "not") is a wrong answer, so that words decide first,
and the embedding only among questions whose words are the same but for manners.
"""
