"""What a conversion cost: how much two forms of a model differ, and what they take to run."""
