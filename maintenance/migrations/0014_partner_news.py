from django.db import migrations

TRIGGERS = """
CREATE TRIGGER news_of_new AFTER INSERT ON maintenance_incident REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('incident', 'id');
CREATE TRIGGER news_of_changed AFTER UPDATE ON maintenance_incident REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT
    EXECUTE FUNCTION stations_note_news('incident', 'id', 'now_is.closed_at IS DISTINCT FROM was.closed_at');
CREATE TRIGGER news_of_new AFTER INSERT ON maintenance_workorderchange REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('order', 'id', 'old_state <> new_state');
"""
NO_TRIGGERS = """
DROP TRIGGER news_of_new ON maintenance_workorderchange;
DROP TRIGGER news_of_changed ON maintenance_incident;
DROP TRIGGER news_of_new ON maintenance_incident;
"""


class Migration(migrations.Migration):
    """Incidents and steps of work orders that partners are told of."""

    dependencies = [
        ("maintenance", "0013_changes_in_order"),
        ("stations", "0020_partner_news"),
    ]

    operations = [migrations.RunSQL(TRIGGERS, NO_TRIGGERS)]
