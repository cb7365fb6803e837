from django.db import migrations

# Also while nobody listens yet: whoever begins to listen before a price begins or ends is told of that.
TRIGGERS = """
CREATE FUNCTION pricing_note_news() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stations_partnernews (kind, row_id, is_new, noted_at, due_at)
    SELECT 'price', now_is.id, TG_OP = 'INSERT' AND due.at IS NULL, clock_timestamp(),
        coalesce(due.at, clock_timestamp())
    FROM now_is CROSS JOIN LATERAL (VALUES (NULL::timestamptz), (now_is.starts_at), (now_is.ends_at)) AS due (at)
    WHERE due.at IS NULL OR due.at > clock_timestamp();
    RETURN NULL;
END $$;
CREATE TRIGGER news_of_new AFTER INSERT ON pricing_pricechange REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION pricing_note_news();
CREATE TRIGGER news_of_changed AFTER UPDATE ON pricing_pricechange REFERENCING NEW TABLE AS now_is
    FOR EACH STATEMENT EXECUTE FUNCTION pricing_note_news();
"""
NO_TRIGGERS = """
DROP TRIGGER news_of_changed ON pricing_pricechange;
DROP TRIGGER news_of_new ON pricing_pricechange;
DROP FUNCTION pricing_note_news();
"""


class Migration(migrations.Migration):
    """Prices that partners are told of: when they are announced or changed, and when they begin and end."""

    dependencies = [
        ("pricing", "0007_settled_feed"),
        ("stations", "0020_partner_news"),
    ]

    operations = [migrations.RunSQL(TRIGGERS, NO_TRIGGERS)]
