"""Checks and cost estimates before a study runs."""
