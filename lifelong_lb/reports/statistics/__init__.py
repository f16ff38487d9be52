"""Statistics of results: frames to frames."""
