"""Entries that users add: registration and import."""
