import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

TEXT = {"blank": True, "db_default": "", "default": ""}


def field(name: str, kind, model: str = "modelversion"):
    return migrations.AddField(model, name, kind)


class Migration(migrations.Migration):
    """The registry grows out of the table of models: rows stay, new columns have defaults of the database."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("stations", "0002_ids_without_control_characters"),
        ("telemetry", "0004_vendor_codes"),
    ]

    operations = [
        migrations.RenameModel("RiskModel", "ModelVersion"),
        migrations.RemoveConstraint("modelversion", "risk_model_one_active_per_kind"),
        migrations.AlterModelOptions(
            "modelversion",
            {
                "ordering": ["-id"],
                "permissions": [("promote_modelversion", "Can decide which model scores")],
                "verbose_name": "model",
            },
        ),
        migrations.AlterField(
            "modelversion",
            "kind",
            models.CharField(
                choices=[
                    ("forecast", "Forecast"),
                    ("state_classifier", "State classifier"),
                    ("causes", "Root causes"),
                ],
                default="state_classifier",
                max_length=30,
            ),
        ),
        migrations.AlterField(
            "modelversion",
            "state",
            models.CharField(
                choices=[
                    ("candidate", "Candidate"),
                    ("shadow", "Shadow"),
                    ("active", "Active"),
                    ("retired", "Retired"),
                ],
                default="candidate",
                help_text="Shadow: passed the gate and stands by for the active one.",
                max_length=10,
            ),
        ),
        field(
            "level",
            models.CharField(
                choices=[("charger", "Charger"), ("site", "Site")], db_default="site", default="site", max_length=10
            ),
        ),
        field(
            "horizon_hours",
            models.SmallIntegerField(
                db_default=0,
                default=0,
                help_text="0: it tells the present, not the future.",
                verbose_name="horizon (h)",
            ),
        ),
        field("code_version", models.CharField(max_length=60, **TEXT)),
        field("feature_types", models.JSONField(blank=True, default=list, help_text="Empty: all are float32.")),
        field("schema_hash", models.CharField(max_length=64, **TEXT)),
        field("data_hash", models.CharField(max_length=64, **TEXT)),
        field(
            "ranges",
            models.JSONField(blank=True, default=dict, help_text="Times of training, calibration and test."),
        ),
        field("thresholds", models.JSONField(blank=True, default=dict)),
        field("promoted_at", models.DateTimeField(blank=True, null=True)),
        field(
            "promoted_by",
            models.ForeignKey(
                blank=True,
                help_text="Empty: the gate did.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        field("reason", models.CharField(help_text="Why it has this state.", max_length=300, **TEXT)),
        migrations.AddConstraint(
            "modelversion",
            models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("kind", "level", "horizon_hours"),
                name="model_version_one_active_per_kind_level_and_horizon",
            ),
        ),
        field(
            "p_any",
            models.FloatField(
                blank=True, help_text="That any of its chargers fails.", null=True, verbose_name="chance of any, 24 h"
            ),
            "risk",
        ),
        field(
            "charger",
            models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The charger whose risk it is. Empty: scored as a whole.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="stations.charger",
            ),
            "risk",
        ),
        field("features_hash", models.CharField(max_length=16, **TEXT), "risk"),
        migrations.AlterField(
            "risk",
            "probability",
            models.FloatField(help_text="The highest of its chargers.", verbose_name="risk, 24 h"),
        ),
        field(
            "p_any",
            models.FloatField(
                blank=True,
                help_text="That any of its chargers fails; empty: not forecast.",
                null=True,
                verbose_name="chance of any, 24 h",
            ),
            "sitestate",
        ),
        field(
            "warning",
            models.CharField(help_text="What is wrong with the model that should score.", max_length=300, **TEXT),
            "tick",
        ),
        migrations.CreateModel(
            name="ChargerRisk",
            fields=[
                (
                    "charger",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="forecast",
                        serialize=False,
                        to="stations.charger",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "probability",
                    models.FloatField(help_text="Empty: it is out of order now.", null=True, verbose_name="risk, 24 h"),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="why")),
                (
                    "model",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="telemetry.modelversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("probability__range", (0, 1))), name="charger_risk_0_to_1"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="PastOfChargers",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shard", models.IntegerField(unique=True)),
                ("at", models.DateTimeField(help_text="Up to when the past is in it.")),
                ("schema_hash", models.CharField(max_length=64)),
                ("blob", models.BinaryField()),
            ],
        ),
    ]
