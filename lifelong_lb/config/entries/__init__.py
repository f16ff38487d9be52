"""Entries of a study file: names, hyper-parameters, defaults and ranges."""
