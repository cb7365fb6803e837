"""The engines and the small named world that the tests share."""

import os

os.environ.setdefault("REDIS_PREFIX", "sntry-test-" + os.environ.get("PYTEST_XDIST_WORKER", "main"))


def pytest_configure(config):
    from sntry_site import embedded

    embedded.ensure_running()
