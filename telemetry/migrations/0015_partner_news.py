from django.db import migrations

# A session is billed once, as soon as it can be: over, with energy and a price.
BILLED = "now_is.ended_at IS NOT NULL AND now_is.energy_kwh > 0 AND now_is.price IS NOT NULL"
NOT_BILLED = "was.ended_at IS NULL OR was.energy_kwh <= 0 OR was.price IS NULL"
TRIGGERS = f"""
CREATE TRIGGER news_of_new AFTER INSERT ON telemetry_chargerstate REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('status', 'charger_id');
CREATE TRIGGER news_of_changed AFTER UPDATE ON telemetry_chargerstate REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT
    EXECUTE FUNCTION stations_note_news('status', 'charger_id', 'now_is.status IS DISTINCT FROM was.status');
CREATE TRIGGER news_of_new AFTER INSERT ON telemetry_chargingsession REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('session', 'id');
CREATE TRIGGER news_of_changed AFTER UPDATE ON telemetry_chargingsession
    REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('session', 'id', 'now_is.* IS DISTINCT FROM was.*');
CREATE TRIGGER news_of_new_bill AFTER INSERT ON telemetry_chargingsession REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('bill', 'id', '{BILLED}');
CREATE TRIGGER news_of_bill AFTER UPDATE ON telemetry_chargingsession
    REFERENCING OLD TABLE AS was NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('bill', 'id', '{BILLED} AND ({NOT_BILLED})');
CREATE TRIGGER news_of_new AFTER INSERT ON telemetry_risk REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION stations_note_news('risk', 'id');
"""
NO_TRIGGERS = """
DROP TRIGGER news_of_new ON telemetry_risk;
DROP TRIGGER news_of_bill ON telemetry_chargingsession;
DROP TRIGGER news_of_new_bill ON telemetry_chargingsession;
DROP TRIGGER news_of_changed ON telemetry_chargingsession;
DROP TRIGGER news_of_new ON telemetry_chargingsession;
DROP TRIGGER news_of_changed ON telemetry_chargerstate;
DROP TRIGGER news_of_new ON telemetry_chargerstate;
"""


class Migration(migrations.Migration):
    """Status, sessions and risks that partners are told of."""

    dependencies = [
        ("telemetry", "0014_settled_feeds"),
        ("stations", "0020_partner_news"),
    ]

    operations = [migrations.RunSQL(TRIGGERS, NO_TRIGGERS)]
