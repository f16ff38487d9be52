"""Checks of a study's parts against each other."""
