from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from stations.jobs import ConsoleProgress
from telemetry import model_report, scoring
from telemetry.forecast_training import forecasts_to_train


class Command(BaseCommand):
    help = "Train the state classifier and the forecast on what is there; each scores if its gate lets it through."

    def add_arguments(self, parser):
        parser.add_argument("--seed", type=int, default=0, help="seed of the random forests (default 0)")

    def handle(self, *args, seed, **options):
        refused, trainings = [], [*forecasts_to_train().values(), scoring.train_risk]
        for train in trainings:
            try:
                with ConsoleProgress("Training") as progress:
                    model, promoted = train(timezone.now(), seed, progress)
            except scoring.NothingToLearn as error:
                refused.append(str(error))
                continue
            state = "active now" if promoted else f"kept as a {model.state}"
            precision = model_report.headline(model)
            self.stdout.write(
                f"{model_report.title(model)} {model.pk}: {model.rows:,} rows, average precision {precision}, {state}."
            )
        for sentence in refused:
            self.stderr.write(sentence)
        if len(refused) == len(trainings):
            raise CommandError("Nothing was trained.")
