"""Several sources of images as one."""
