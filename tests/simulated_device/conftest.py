"""Importing ``registered`` makes a device of the whole process, so that pytest must not look for doctests in it."""

collect_ignore = ["registered.py"]
