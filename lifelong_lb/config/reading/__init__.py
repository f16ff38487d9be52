"""From a study file, presets and command-line overrides to plain values."""
