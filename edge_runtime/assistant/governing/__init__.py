"""The owner's policy at work: the file as it stands, what was spent, what the board says."""
