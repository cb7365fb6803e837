from django.db import migrations, models

FIELD = models.CharField(blank=True, db_default="", default="", max_length=50)


class Migration(migrations.Migration):
    """A default of the database: adding it to a large table rewrites nothing."""

    dependencies = [("telemetry", "0003_soft_events")]

    operations = [
        migrations.AddField(model, "vendor_code", FIELD) for model in ("statusreport", "chargerstate", "outage")
    ]
