from django.db import migrations, models

NUMBERS = models.BigIntegerField(
    db_default=0, default=0, editable=False, help_text="Grows with each change of any of them; kept by a trigger."
)
FEED = """
CREATE TRIGGER feed_begins_{column} BEFORE {events} ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION stations_feed_begins('{table}_{column}_seq')
"""
COUNTED = """
CREATE SEQUENCE {table}_change_number_seq OWNED BY {table}.change_number;
CREATE TRIGGER count_insert BEFORE INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION stations_count_change('{table}_change_number_seq');
CREATE TRIGGER count_change BEFORE UPDATE ON {table}
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION stations_count_change('{table}_change_number_seq');
"""
NOT_COUNTED = """
DROP TRIGGER count_change ON {table};
DROP TRIGGER count_insert ON {table};
DROP SEQUENCE {table}_change_number_seq;
"""


def feed(table: str, column: str, events: str):
    """The trigger by which readers know how far the table is settled."""
    made = FEED.format(table=table, column=column, events=events)
    return migrations.RunSQL(made, f"DROP TRIGGER feed_begins_{column} ON {table}")


def counted(model: str) -> list:
    """The operations that number the changes of a model."""
    table = f"maintenance_{model}"
    return [
        migrations.AddField(model, "change_number", NUMBERS.clone()),
        migrations.AddIndex(model, models.Index(fields=["change_number"], name=f"{model}_by_change")),
        migrations.RunSQL(COUNTED.format(table=table), NOT_COUNTED.format(table=table)),
        feed(table, "change_number", "INSERT OR UPDATE"),
        feed(table, "id", "INSERT"),
    ]


class Migration(migrations.Migration):
    """Partners follow incidents and orders by the number of their last change; see `stations.feeds`."""

    dependencies = [
        ("maintenance", "0012_order_comments"),
        ("stations", "0019_settled_feeds"),
    ]

    operations = [
        *counted("incident"),
        *counted("workorder"),
        feed("maintenance_ordercomment", "id", "INSERT"),
    ]
