"""Importing this module registers the simulated device: the imports of a study whose runs use it."""

from simulated_device import install

install()
