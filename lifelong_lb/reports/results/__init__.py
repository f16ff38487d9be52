"""Result folders to frames."""
