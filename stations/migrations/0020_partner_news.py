import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# One statement for each that writes, however many rows it writes, and nothing while nobody listens. The trigger says
# the kind, the key of its table and, where not every change counts, which do.
NOTE = """
CREATE FUNCTION stations_somebody_listens() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM stations_webhook WHERE disabled_at IS NULL)
        OR EXISTS (SELECT FROM stations_ocpiconnection WHERE registered_at IS NOT NULL)
$$;
CREATE FUNCTION stations_note_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT stations_somebody_listens() THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        EXECUTE format('INSERT INTO stations_partnernews (kind, row_id, is_new, noted_at, due_at)'
            ' SELECT %L, now_is.%I, true, clock_timestamp(), clock_timestamp() FROM now_is WHERE %s',
            TG_ARGV[0], TG_ARGV[1], coalesce(TG_ARGV[2], 'true'));
    ELSE
        EXECUTE format('INSERT INTO stations_partnernews (kind, row_id, is_new, noted_at, due_at)'
            ' SELECT %L, now_is.%I, false, clock_timestamp(), clock_timestamp()'
            ' FROM now_is JOIN was ON was.%2$I = now_is.%2$I WHERE %s',
            TG_ARGV[0], TG_ARGV[1], TG_ARGV[2]);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER news_of_new AFTER INSERT ON stations_site REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('site', 'id');
CREATE TRIGGER news_of_changed AFTER UPDATE ON stations_site REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('site', 'id', 'now_is.* IS DISTINCT FROM was.*');
CREATE TRIGGER news_of_new AFTER INSERT ON stations_charger REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('charger', 'id');
CREATE TRIGGER news_of_changed AFTER UPDATE ON stations_charger REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('charger', 'id', 'now_is.* IS DISTINCT FROM was.*');
"""
NO_NOTE = """
DROP TRIGGER news_of_changed ON stations_charger;
DROP TRIGGER news_of_new ON stations_charger;
DROP TRIGGER news_of_changed ON stations_site;
DROP TRIGGER news_of_new ON stations_site;
DROP FUNCTION stations_note_news();
DROP FUNCTION stations_somebody_listens();
"""


class Migration(migrations.Migration):
    """The changes that partners are told of are noted by the database itself, in the transaction of each change."""

    dependencies = [
        ("stations", "0019_settled_feeds"),
    ]

    operations = [
        migrations.CreateModel(
            name="PartnerNews",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        help_text="Of the row: site, charger, status, session, bill, price, ...", max_length=10
                    ),
                ),
                ("row_id", models.BigIntegerField()),
                ("is_new", models.BooleanField(db_default=False, default=False)),
                ("noted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "due_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        db_index=True,
                        help_text="Prices begin and end by themselves.",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "partner news",
            },
        ),
        # What it says stays true: nothing from before that moment is told.
        migrations.RenameField(model_name="webhook", old_name="told_until", new_name="tells_from"),
        migrations.AddField(
            model_name="ocpiconnection",
            name="failures",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False, help_text="In a row."),
        ),
        migrations.AddField(
            model_name="ocpiconnection",
            name="next_push_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.CreateModel(
            name="OcpiPush",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "module",
                    models.SmallIntegerField(
                        choices=[(0, "tariff of a site"), (1, "tariff of a price change"), (2, "location"), (3, "EVSE"),
                                 (4, "session"), (5, "CDR")]
                    ),
                ),
                ("row_id", models.BigIntegerField()),
                ("is_whole", models.BooleanField(help_text="All of it is new to them, not only what has changed.")),
                ("version", models.PositiveIntegerField(default=0, help_text="Grows with each further change.")),
                ("noted_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pushes",
                        to="stations.ocpiconnection",
                    ),
                ),
            ],
            options={
                "verbose_name": "OCPI push",
                "verbose_name_plural": "OCPI pushes",
            },
        ),
        migrations.AddConstraint(
            model_name="ocpipush",
            constraint=models.UniqueConstraint(
                fields=("connection", "module", "row_id"), name="ocpi_push_once_per_object"
            ),
        ),
        migrations.RunSQL(NOTE, NO_NOTE),
    ]  # fmt: skip
