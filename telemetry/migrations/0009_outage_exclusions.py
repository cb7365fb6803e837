from django.db import migrations, models

REASONS = [
    ("utility", "Utility service interruption"),
    ("vehicle", "Fault of the vehicle"),
    ("scheduled_maintenance", "Scheduled maintenance"),
    ("vandalism", "Vandalism"),
    ("natural_disaster", "Natural disaster"),
    ("closed_hours", "Outside of opening hours"),
    ("internet", "Internet or cellular outage"),
]
EVIDENCE = "What shows that: a note, a photo, the number of a work order. Without it federal uptime counts the outage."


class Migration(migrations.Migration):
    """A default of the database: adding it to a large table rewrites nothing."""

    dependencies = [("telemetry", "0008_session_price_stays")]

    operations = [
        migrations.AddField(
            "outage",
            "excluded_evidence",
            models.CharField(blank=True, db_default="", default="", help_text=EVIDENCE, max_length=255),
        ),
        migrations.AlterField(
            "outage",
            "excluded_reason",
            models.CharField(
                blank=True, choices=REASONS, help_text="Why it does not count against uptime.", max_length=100
            ),
        ),
    ]
