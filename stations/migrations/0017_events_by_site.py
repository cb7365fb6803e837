from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # because events go on being written while the index of a long table is made

    dependencies = [("stations", "0016_cancelled_jobs")]

    operations = [
        AddIndexConcurrently("fleetevent", models.Index(fields=["site", "id"], name="fleet_event_by_site")),
    ]
