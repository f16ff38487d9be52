"""Tables and figures of RESULTS.md and docs/results/, computed from the stored results."""
