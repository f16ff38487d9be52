"""Caches of decoded images and of features, shared by all runs of all studies on a machine."""
