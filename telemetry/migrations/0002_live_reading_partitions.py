"""The ten-second readings, partitioned by day: dropping a day costs milliseconds and leaves nothing to vacuum."""

from django.db import migrations

CREATE = """
CREATE TABLE telemetry_livereading (
    site_id bigint NOT NULL,
    at timestamptz NOT NULL,
    ports_available smallint NOT NULL,
    ports_occupied smallint NOT NULL,
    ports_out_of_service smallint NOT NULL,
    utilization real NOT NULL,
    wait_minutes real NOT NULL,
    temperature_f real NOT NULL,
    price numeric(8, 4) NOT NULL,
    risk real NOT NULL,
    PRIMARY KEY (site_id, at)
) PARTITION BY RANGE (at)
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE telemetry_livereading"),
        # An often updated row: room on its page keeps its updates off the indexes.
        migrations.RunSQL("ALTER TABLE telemetry_sitestate SET (fillfactor = 60)", migrations.RunSQL.noop),
        migrations.RunSQL("CREATE SEQUENCE telemetry_live_version AS bigint", "DROP SEQUENCE telemetry_live_version"),
    ]
