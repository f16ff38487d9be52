"""Tables of RESULTS.md and docs/results/, computed from the stored results."""
