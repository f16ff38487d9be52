"""Update rules inside a strategy's training loop."""
