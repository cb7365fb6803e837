"""History comes in: each source whole or not at all."""

from stations.jobs import JobRefused


class ImportRefused(JobRefused):
    """The source cannot be imported; the message is the one clear sentence that says why and what to do."""
