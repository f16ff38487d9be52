"""Progress observers of a study."""
