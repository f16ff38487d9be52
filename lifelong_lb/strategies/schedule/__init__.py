"""Learning rates, optimizer state and budgets over experiences."""
