"""The live frames of the pages of jobs: each is all that the page shows, so that no frame depends on one before."""

import orjson
from django.contrib.auth import get_user_model
from django.http import Http404
from django.template.loader import render_to_string

from stations import live
from stations.models import Job
from stations.progress import LIVE_KIND

from .jobs_view import JobsView, listed, shown, visible


class JobsFeed:
    """Snapshot and changes of the list of jobs, or of one job."""

    kinds = frozenset({LIVE_KIND})

    def snapshot(self, view: JobsView) -> tuple[dict[str, int], list[str]]:
        """The version first: what changes in between is then sent twice, never missed."""
        return {LIVE_KIND: live.current_version(LIVE_KIND)}, self._frames(view)

    def changes(self, view: JobsView, message: dict) -> list[str]:
        """The same anew: a message says only that something has changed."""
        return self._frames(view)

    def merged(self, older: dict, newer: dict) -> dict:
        """Both say only that something has changed."""
        return {**newer, "previous": older["previous"]}

    def _frames(self, view: JobsView) -> list[str]:
        user = get_user_model().objects.get(pk=view.user)
        if view.job is None:
            return [_panel("jobs/list.html", "#jobs", listed(user, view.asked))]
        try:
            job = visible(user, view.job)
        except Http404:
            return [orjson.dumps({"type": "gone"}).decode()]
        frames = [_panel("jobs/progress.html", "#job", shown(job, user))]
        # The result comes with a page of its own, because it has files and rows that no frame should carry.
        return [*frames, orjson.dumps({"type": "job", "ended": job.state in Job.ENDED}).decode()]


def _panel(template: str, target: str, values: dict) -> str:
    content = render_to_string(template, values)
    return orjson.dumps({"type": "panel", "target": target, "swap": "outerMorph", "content": content}).decode()
