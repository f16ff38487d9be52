"""Layouts of data sets on disk: each module reads one."""
