from django.db import migrations

NOTE = """
CREATE TRIGGER audited AFTER INSERT ON pricing_pricechange FOR EACH ROW WHEN (NEW.by_id IS NOT NULL)
    EXECUTE FUNCTION stations_audit_row('price $kind', 'by_id', 'site_id', 'reason', 'stations.site',
        'old_price,new_price,starts_at,ends_at');
CREATE TRIGGER audited AFTER UPDATE OF decided_by_id ON pricing_priceproposal FOR EACH ROW
    WHEN (NEW.decided_by_id IS NOT NULL AND NEW.decided_by_id IS DISTINCT FROM OLD.decided_by_id)
    EXECUTE FUNCTION stations_audit_row('proposal $state', 'decided_by_id', 'id', '', 'pricing.priceproposal',
        'site_id,base_price,new_price,minutes');
"""
NO_NOTE = """
DROP TRIGGER audited ON pricing_priceproposal;
DROP TRIGGER audited ON pricing_pricechange;
"""


class Migration(migrations.Migration):
    """Prices that people make, and what they decide, stand in the audit log."""

    dependencies = [
        ("pricing", "0008_partner_news"),
        ("stations", "0021_audit"),
    ]

    operations = [migrations.RunSQL(NOTE, NO_NOTE)]
