from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Partners ask what has changed: by number here, by time in OCPI, and neither reads the whole table."""

    atomic = False  # because sessions go on being written while the indexes of a long table are made

    dependencies = [("telemetry", "0016_changes_of_sessions")]

    operations = [
        AddIndexConcurrently("chargingsession", models.Index(fields=["change_number"], name="session_by_change")),
        AddIndexConcurrently("chargingsession", models.Index(fields=["changed_at"], name="session_by_change_time")),
    ]
