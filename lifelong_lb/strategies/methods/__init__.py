"""Builders of the continual-learning strategies, their memories, and fixes of avalanche-lib."""
