"""What every benchmark shares: contestants that take turns, honest statistics, one form of results.

Each contestant is a process that stays alive, with a Python of its own if it needs one
(``child``, ``process``); they take turns, round by round (``alternation``), so that whatever else
the machine does falls on all of them. Figures are medians with their spread, and ratios of runs of
the same round (``statistics``); a goal is judged by the interval of its ratio (``goals``). What a
figure depends on stands beside it (``machine``, ``report``, ``plot``).
"""
