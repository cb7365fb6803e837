from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Partners, key figures and the sweeper of missing notes ask for what was opened lately, closed or not."""

    atomic = False  # because incidents go on being opened while the index is made

    dependencies = [("maintenance", "0015_audit")]

    operations = [
        AddIndexConcurrently("incident", models.Index(fields=["opened_at"], name="incident_by_opening")),
    ]
