"""Loggers of the ecosystem: a run tells them how it goes, in its own process. No number depends on them."""
