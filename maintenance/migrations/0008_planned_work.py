import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0007_incidents_and_remote_attempts"),
        ("stations", "0007_operator_heartbeat"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PlannedWork",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                (
                    "first_at",
                    models.DateTimeField(
                        help_text="UTC; it comes round at this hour of the site's own clock.", verbose_name="first time"
                    ),
                ),
                (
                    "minutes",
                    models.PositiveIntegerField(
                        default=120,
                        validators=[
                            django.core.validators.MinValueValidator(5),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="lasts (min)",
                    ),
                ),
                (
                    "repeats",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Once"),
                            ("daily", "Every day"),
                            ("weekly", "Every week"),
                            ("monthly", "Every month"),
                            ("quarterly", "Every three months"),
                            ("yearly", "Every year"),
                        ],
                        default="",
                        max_length=9,
                    ),
                ),
                (
                    "ends_on",
                    models.DateField(blank=True, help_text="Empty: it goes on.", null=True, verbose_name="last day"),
                ),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "chargers",
                    models.ManyToManyField(
                        blank=True,
                        help_text="None: all of the site.",
                        related_name="planned_work",
                        to="stations.charger",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="planned_work", to="stations.site"
                    ),
                ),
                (
                    "technician",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="maintenance.technician",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "planned work",
                "ordering": ["first_at"],
            },
        ),
        migrations.CreateModel(
            name="PlannedSpell",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField(db_index=True)),
                ("ends_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("running", "Under way"),
                            ("done", "Done"),
                            ("called_off", "Called off"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                (
                    "work",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="spells", to="maintenance.plannedwork"
                    ),
                ),
            ],
            options={
                "ordering": ["starts_at"],
                "indexes": [models.Index(fields=["state", "starts_at"], name="planned_spell_by_state")],
                "constraints": [
                    models.UniqueConstraint(fields=("work", "starts_at"), name="planned_spell_once_per_work_and_time"),
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                        name="planned_spell_ends_after_start",
                    ),
                ],
            },
        ),
    ]
