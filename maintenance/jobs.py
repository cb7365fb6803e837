"""The long tasks of maintenance."""

from stations.jobs import job_kind
from telemetry.jobs import import_upload, places

from .order_importer import import_orders


@job_kind("import_orders")
def import_uploaded_orders(job, progress) -> dict:
    """Import the upload as closed work orders. Parameters, all optional: site, operator, skip_bad, time_zone."""
    return import_upload(job, progress, import_orders, **places(job))
