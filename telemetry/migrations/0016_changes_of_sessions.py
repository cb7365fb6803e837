from django.db import migrations, models

TABLE = "telemetry_chargingsession"
# New rows get their number as a default, because a trigger for each row of an import would cost more than the row.
COUNTED = f"""
CREATE SEQUENCE {TABLE}_change_number_seq OWNED BY {TABLE}.change_number;
ALTER TABLE {TABLE} ALTER COLUMN change_number SET DEFAULT nextval('{TABLE}_change_number_seq');
CREATE TRIGGER count_change BEFORE UPDATE ON {TABLE}
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stations_count_change('{TABLE}_change_number_seq');
CREATE TRIGGER feed_begins_change_number BEFORE INSERT OR UPDATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION stations_feed_begins('{TABLE}_change_number_seq');
"""
NOT_COUNTED = f"""
DROP TRIGGER feed_begins_change_number ON {TABLE};
DROP TRIGGER count_change ON {TABLE};
ALTER TABLE {TABLE} ALTER COLUMN change_number SET DEFAULT 0;
DROP SEQUENCE {TABLE}_change_number_seq;
"""


class Migration(migrations.Migration):
    """Partners follow sessions to their ends by the number of the last change; see `stations.feeds`."""

    dependencies = [
        ("telemetry", "0015_partner_news"),
        ("stations", "0019_settled_feeds"),
    ]

    operations = [
        migrations.AddField(
            "chargingsession",
            "change_number",
            models.BigIntegerField(
                db_default=0, editable=False, help_text="Grows with each change of any of them; kept by the database."
            ),
        ),
        migrations.RunSQL(COUNTED, NOT_COUNTED),
    ]
