"""Texts of a report for the terminal, for LaTeX and for Markdown."""
