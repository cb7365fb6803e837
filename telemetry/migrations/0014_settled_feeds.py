from django.db import migrations

TABLES = ("telemetry_statusreport", "telemetry_chargingsession", "telemetry_risk")
TRIGGER = """
CREATE TRIGGER feed_begins BEFORE INSERT ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION stations_feed_begins('{table}_id_seq')
"""


class Migration(migrations.Migration):
    """What partners follow by number is read without passing over rows that commit late; see `stations.feeds`."""

    dependencies = [
        ("telemetry", "0013_when_we_learnt"),
        ("stations", "0019_settled_feeds"),
    ]

    operations = [
        migrations.RunSQL(TRIGGER.format(table=table), f"DROP TRIGGER feed_begins ON {table}") for table in TABLES
    ]
