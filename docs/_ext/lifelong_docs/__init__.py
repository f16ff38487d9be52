"""Parts of the documentation that are generated from the package when it is built."""
