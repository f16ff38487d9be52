"""Base optimizers, which take the steps: wrappers of torch optimizers, and own ones."""
