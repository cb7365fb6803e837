import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0006_photos_sent_once"),
        ("stations", "0007_operator_heartbeat"),
    ]

    operations = [
        migrations.CreateModel(
            name="DriverReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "problem",
                    models.CharField(
                        choices=[
                            ("does_not_start", "Charging does not start"),
                            ("stops", "Charging stops by itself"),
                            ("slow", "Charging is slow"),
                            ("payment", "Payment or card reader does not work"),
                            ("cable", "Cable or connector is damaged or stuck"),
                            ("screen", "Screen is dark or wrong"),
                            ("danger", "Something is dangerous: smoke, heat, bare wires"),
                            ("other", "Something else"),
                        ],
                        max_length=16,
                    ),
                ),
                ("text", models.CharField(blank=True, max_length=300)),
                ("status", models.CharField(blank=True, max_length=11, verbose_name="the charger said")),
                ("at", models.DateTimeField()),
                (
                    "charger",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="driver_reports",
                        to="stations.charger",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="driver_reports",
                        to="maintenance.incident",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="driver_reports", to="stations.site"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="RemoteAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "rung",
                    models.CharField(
                        choices=[
                            ("poll", "Asked for its status"),
                            ("soft_reset", "Soft reset"),
                            ("hard_reset", "Hard reset"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField(db_index=True)),
                ("answer", models.CharField(max_length=200)),
                ("helped", models.BooleanField(default=False)),
                (
                    "charger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="remote_attempts",
                        to="stations.charger",
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="maintenance.incident"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("incident", "charger", "rung"), name="remote_attempt_once_per_incident_charger_and_rung"
                    )
                ],
            },
        ),
    ]
