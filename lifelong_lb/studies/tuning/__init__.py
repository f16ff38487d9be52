"""Hyper-parameter search, and the study with the chosen settings."""
