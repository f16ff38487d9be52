"""Plugins that record accuracies, predictions and costs, or stop a run that diverges."""
