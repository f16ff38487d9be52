"""Tests of ``on_device`` run on the device of an environment variable, in a process of their own."""

import os

collect_ignore = [] if os.environ.get("LIFELONG_LB_TEST_DEVICE") else ["on_device"]
