"""Progress of a study, dispatched to observers."""
