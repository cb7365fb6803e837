from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from pricing.lab.asked import KIND, BadRequest, carry_out, comparison_of
from pricing.lab.compare import LabFailed
from stations.models import Job
from stations.progress import ConsoleProgress


class Command(BaseCommand):
    help = (
        "Live the same simulated worlds with and without policies and show what differs, with 95 % intervals."
        " Uses all cores; interrupted, the next call goes on. The policy lab in the admin shows the latest result."
    )

    def add_arguments(self, parser):
        parser.add_argument("--policies", nargs="+", default=["none", "original", "guarded", "power-first"])
        parser.add_argument("--elasticity", nargs="+", type=float, default=[-0.1, -0.3, -0.76])
        parser.add_argument("--seeds", type=int, default=20, help="how many worlds (default 20)")
        parser.add_argument("--days", type=int, default=60, help="how long each (default 60)")
        parser.add_argument("--sites", type=int, default=150, help="how large each (default 150)")

    def handle(self, *, policies, elasticity, seeds, days, sites, **options):
        asked = {"policies": policies, "elasticities": elasticity, "seeds": seeds, "days": days, "sites": sites}
        started = timezone.now()
        try:
            with ConsoleProgress("Comparing policies") as progress:
                result = carry_out(comparison_of(**asked), progress)
        except (BadRequest, LabFailed) as error:
            raise CommandError(str(error)) from None
        now = timezone.now()
        times = {"started_at": started, "heartbeat_at": now, "finished_at": now}
        Job.objects.create(kind=KIND, state=Job.State.DONE, parameters=asked, result=result, **times)
        self.show(result["report"]["groups"])

    def show(self, groups: list[dict]) -> None:
        console = Console(file=self.stdout, width=120)
        for group in groups:
            title = f"{group['policy']}, elasticity {group['elasticity']:g}, {group['seeds']} seeds"
            table = Table("", "value", "95 % interval", "unit", title=title, title_justify="left")
            for one in group["findings"]:
                value, low, high = (_said(one[name]) for name in ("value", "low", "high"))
                name = f"{one['name']}, difference" if one["is_difference"] else one["name"]
                table.add_row(name, value, f"{low} to {high}", one["unit"])
            console.print(table)


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
