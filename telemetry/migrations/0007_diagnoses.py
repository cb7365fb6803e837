import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0002_ids_without_control_characters"),
        ("telemetry", "0006_fleet_memory"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CauseGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.SmallIntegerField()),
                ("size", models.IntegerField(verbose_name="failures")),
                ("name", models.CharField(help_text="What is more frequent in it than elsewhere.", max_length=120)),
                ("lifts", models.JSONField(default=dict, help_text="How many times as frequent as elsewhere.")),
                (
                    "likely_cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("comms_backhaul", "communication"),
                            ("firmware_hang", "firmware hang"),
                            ("payment_auth", "payment"),
                            ("hmi_display", "display"),
                            ("ground_gfci", "ground fault"),
                            ("connector_cable", "connector or cable"),
                            ("connector_lock", "connector lock"),
                            ("contactor_weld", "contactor"),
                            ("power_module", "power module"),
                            ("cooling_thermal", "cooling"),
                            ("grid_supply", "grid supply"),
                            ("vandal_impact", "vandalism or impact"),
                            ("meter_fault", "meter"),
                            ("unknown", "unknown"),
                        ],
                        help_text="What was found most often.",
                        max_length=20,
                    ),
                ),
                ("likely_share", models.FloatField(blank=True, null=True, verbose_name="share of what was found")),
                ("labelled", models.IntegerField(default=0, verbose_name="with a cause found")),
                (
                    "confirmed_cause",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("comms_backhaul", "communication"),
                            ("firmware_hang", "firmware hang"),
                            ("payment_auth", "payment"),
                            ("hmi_display", "display"),
                            ("ground_gfci", "ground fault"),
                            ("connector_cable", "connector or cable"),
                            ("connector_lock", "connector lock"),
                            ("contactor_weld", "contactor"),
                            ("power_module", "power module"),
                            ("cooling_thermal", "cooling"),
                            ("grid_supply", "grid supply"),
                            ("vandal_impact", "vandalism or impact"),
                            ("meter_fault", "meter"),
                            ("unknown", "unknown"),
                        ],
                        help_text="What a person says that it is. Unknown: none of these.",
                        max_length=20,
                    ),
                ),
                ("confirmed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "confirmed_by",
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
                    "model",
                    models.ForeignKey(
                        help_text="Found in its training.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="groups",
                        to="telemetry.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-model", "number"],
                "constraints": [models.UniqueConstraint(fields=("model", "number"), name="cause_group_once_per_model")],
            },
        ),
        migrations.CreateModel(
            name="Diagnosis",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(choices=[("happened", "Outage"), ("expected", "Expected failure")], max_length=10),
                ),
                (
                    "at",
                    models.DateTimeField(db_index=True, help_text="When the outage began, or when it was expected."),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("comms_backhaul", "communication"),
                            ("firmware_hang", "firmware hang"),
                            ("payment_auth", "payment"),
                            ("hmi_display", "display"),
                            ("ground_gfci", "ground fault"),
                            ("connector_cable", "connector or cable"),
                            ("connector_lock", "connector lock"),
                            ("contactor_weld", "contactor"),
                            ("power_module", "power module"),
                            ("cooling_thermal", "cooling"),
                            ("grid_supply", "grid supply"),
                            ("vandal_impact", "vandalism or impact"),
                            ("meter_fault", "meter"),
                            ("unknown", "unknown"),
                        ],
                        help_text="Unknown: no cause is likelier than not.",
                        max_length=20,
                    ),
                ),
                ("confidence", models.FloatField(help_text="Of the likeliest cause.")),
                (
                    "others",
                    models.JSONField(
                        default=list,
                        help_text="The three likeliest, each with its chance.",
                        verbose_name="likeliest causes",
                    ),
                ),
                ("evidence", models.CharField(max_length=300)),
                (
                    "charger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="diagnoses",
                        to="stations.charger",
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="telemetry.modelversion",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "diagnoses",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("charger", "kind", "at"), name="diagnosis_once_per_charger_kind_and_time"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confidence__range", (0, 1))), name="diagnosis_confidence_0_to_1"
                    ),
                ],
            },
        ),
    ]
