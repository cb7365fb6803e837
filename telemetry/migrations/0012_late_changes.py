"""Which days that are over had rows changed, noted by the database itself: so that no writer can forget it.

One statement for each that writes, however many rows it writes; rows of the day that goes on are nobody's business.
"""

from django.db import migrations, models

NOTE = """
CREATE FUNCTION telemetry_note_late_{kind}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO telemetry_latechange (kind, operator_id, day, changes)
    SELECT '{kind}', site.operator_id, late.day, 1
    FROM (
        SELECT DISTINCT {of}_id, (rows.{at} AT TIME ZONE 'UTC')::date AS day FROM changed AS rows
        WHERE rows.{at} < date_trunc('day', clock_timestamp(), 'UTC')
    ) AS late
    {places}
    GROUP BY site.operator_id, late.day;
    RETURN NULL;
END $$
"""
OF_CHARGERS = (
    "JOIN stations_charger charger ON charger.id = late.charger_id JOIN stations_site site ON site.id = charger.site_id"
)
TRIGGER = """
CREATE TRIGGER note_late_{event} AFTER {event} ON telemetry_{table} REFERENCING {side} TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION telemetry_note_late_{kind}()
"""
SIDES = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}


def noted(kind: str, table: str, at: str, of: str, places: str) -> list:
    """The function that notes changes of a table, and its triggers."""
    operations = [
        migrations.RunSQL(
            NOTE.format(kind=kind, at=at, of=of, places=places), f"DROP FUNCTION telemetry_note_late_{kind}()"
        )
    ]
    for event, side in SIDES.items():
        made = TRIGGER.format(event=event, table=table, side=side, kind=kind)
        operations.append(migrations.RunSQL(made, f"DROP TRIGGER note_late_{event} ON telemetry_{table}"))
    return operations


class Migration(migrations.Migration):
    dependencies = [("stations", "0001_initial"), ("telemetry", "0011_price_until")]

    operations = [
        migrations.CreateModel(
            name="LateChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=10)),
                (
                    "operator",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="+",
                        to="stations.operator",
                    ),
                ),
                ("day", models.DateField(help_text="Of the rows (UTC).")),
                ("changes", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="late_change_by_day")],
            },
        ),
        *noted("reports", "statusreport", "reported_at", "charger", OF_CHARGERS),
        *noted("sessions", "chargingsession", "started_at", "charger", OF_CHARGERS),
        *noted("readings", "reading", "at", "site", "JOIN stations_site site ON site.id = late.site_id"),
    ]
