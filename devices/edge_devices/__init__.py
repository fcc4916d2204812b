"""What is known of the boards: profiles, and reading the board itself; standard library only."""
