import django.db.models.functions.datetime
from django.db import migrations, models

TRIGGERS = """
CREATE TRIGGER charger_state_changed BEFORE UPDATE ON telemetry_chargerstate
    FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION stations_note_change();
CREATE TRIGGER session_changed BEFORE UPDATE ON telemetry_chargingsession
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stations_note_change();
"""
NO_TRIGGERS = """
DROP TRIGGER charger_state_changed ON telemetry_chargerstate;
DROP TRIGGER session_changed ON telemetry_chargingsession;
"""


class Migration(migrations.Migration):
    """Columns with a default of the database rewrite nothing; from here on the database notes when a row changes."""

    dependencies = [
        ("telemetry", "0012_late_changes"),
        ("stations", "0018_webhooks_and_ocpi"),
    ]

    operations = [
        migrations.AddField(
            model_name="chargerstate",
            name="changed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False
            ),
        ),
        migrations.AddField(
            model_name="chargingsession",
            name="changed_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
