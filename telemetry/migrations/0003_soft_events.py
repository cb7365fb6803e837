import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0002_ids_without_control_characters"),
        ("telemetry", "0002_live_reading_partitions"),
    ]

    operations = [
        migrations.CreateModel(
            name="SoftEvents",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True, verbose_name="half-hour from")),
                ("missed_heartbeats", models.SmallIntegerField(default=0)),
                ("soft_trips", models.SmallIntegerField(default=0)),
                ("power_dips", models.SmallIntegerField(default=0)),
                ("reboots", models.SmallIntegerField(default=0)),
                ("retries", models.SmallIntegerField(default=0)),
                (
                    "charger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="soft_events",
                        to="stations.charger",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "soft events",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("charger", "at"), name="soft_events_once_per_charger_and_half_hour"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("missed_heartbeats__gte", 0),
                            ("power_dips__gte", 0),
                            ("reboots__gte", 0),
                            ("retries__gte", 0),
                            ("soft_trips__gte", 0),
                        ),
                        name="soft_events_not_negative",
                    ),
                ],
            },
        ),
    ]
