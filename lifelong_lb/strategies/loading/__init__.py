"""Minibatch loaders over tensors in memory."""
