from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stations.jobs import ConsoleProgress
from telemetry import scoring


class Command(BaseCommand):
    help = "Train the risk model on all imported readings, and let it score if it is no worse than the active one."

    def add_arguments(self, parser):
        parser.add_argument("--seed", type=int, default=0, help="seed of the random forest (default 0)")

    def handle(self, *args, seed, **options):
        try:
            with ConsoleProgress("Training") as progress:
                model, promoted = scoring.train_risk(timezone.now(), seed, progress)
        except scoring.NothingToLearn as error:
            raise CommandError(str(error)) from None
        precision = model.metrics.get("average_precision")
        shown = "unknown: no outage in the last fifth" if precision is None else f"{precision:.3f}"
        self.stdout.write(
            f"Model {model.pk}: {model.rows:,} readings, average precision {shown}"
            f" (prevalence {model.metrics['prevalence']:.3f}), {'active now' if promoted else 'kept as a candidate'}."
        )
