"""Update rules, and the ascents and interpolations that they share."""
