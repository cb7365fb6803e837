"""Long tasks of pricing."""

from stations.jobs import JobRefused, job_kind

from .lab.asked import KIND, BadRequest, carry_out, comparison_of
from .lab.compare import LabFailed


@job_kind(KIND)
def compare_policies(job, progress) -> dict:
    """Live the same worlds with and without policies; runs that were lived before are not lived again."""
    try:
        return carry_out(comparison_of(**job.parameters), progress)
    except (BadRequest, LabFailed) as error:
        raise JobRefused(str(error)) from error
