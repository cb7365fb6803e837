from django.db import migrations

NOTE = """
CREATE TRIGGER audited AFTER INSERT ON maintenance_workorderchange FOR EACH ROW WHEN (NEW.by_id IS NOT NULL)
    EXECUTE FUNCTION stations_audit_row('order $new_state', 'by_id', 'order_id', 'note', 'maintenance.workorder',
        'old_state');
CREATE TRIGGER audited AFTER INSERT ON maintenance_incidentchange FOR EACH ROW WHEN (NEW.by_id IS NOT NULL)
    EXECUTE FUNCTION stations_audit_row('incident $kind', 'by_id', 'incident_id', 'note', 'maintenance.incident', '');
"""
NO_NOTE = """
DROP TRIGGER audited ON maintenance_incidentchange;
DROP TRIGGER audited ON maintenance_workorderchange;
"""


class Migration(migrations.Migration):
    """What people do to orders and incidents stands in the audit log."""

    dependencies = [
        ("maintenance", "0014_partner_news"),
        ("stations", "0021_audit"),
    ]

    operations = [migrations.RunSQL(NOTE, NO_NOTE)]
