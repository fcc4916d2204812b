"""What outlives a query: conversations with their placeholders, and answers that may be reused."""
