"""A pytest plugin that gives each process of a run its own names in Redis; loaded before the settings are read.

Without it two processes of a parallel run, or the tests and a demo of the same clone, would take each other's tasks and
messages.
"""

import os

os.environ["REDIS_PREFIX"] = "sntry-test-" + os.environ.get("PYTEST_XDIST_WORKER", "main")
