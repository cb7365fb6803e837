"""A pytest plugin that writes down which templates and addresses a run visits: `make coverage` wants all of them."""

import json
import os
from pathlib import Path

import pytest
from django.test.signals import template_rendered

from sntry_site import request_ids

FOLDER = Path(__file__).resolve().parent.parent / "var" / "coverage" / "visited"


@pytest.fixture(scope="session", autouse=True)
def visits_are_written_down():
    """One file for each process of the run."""
    templates, routes, tell = set(), set(), request_ids.tell

    def note_template(template, **_):
        templates.add(template.name)

    def note_route(request, status, milliseconds):
        if request.resolver_match and status < 500:
            routes.add(request.resolver_match.route)
        tell(request, status, milliseconds)

    template_rendered.connect(note_template, weak=False)
    request_ids.tell = note_route
    yield
    request_ids.tell = tell
    template_rendered.disconnect(note_template)
    FOLDER.mkdir(parents=True, exist_ok=True)
    seen = {"templates": sorted(filter(None, templates)), "routes": sorted(routes)}
    (FOLDER / f"{os.getpid()}.json").write_text(json.dumps(seen))
