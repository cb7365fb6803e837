from django.db import migrations

TRIGGER = """
CREATE TRIGGER feed_begins BEFORE INSERT ON pricing_pricechange
    FOR EACH STATEMENT EXECUTE FUNCTION stations_feed_begins('pricing_pricechange_id_seq')
"""


class Migration(migrations.Migration):
    """Price changes are read by number without passing over those that commit late; see `stations.feeds`."""

    dependencies = [
        ("pricing", "0006_open_changes_and_what_was_proposed"),
        ("stations", "0019_settled_feeds"),
    ]

    operations = [migrations.RunSQL(TRIGGER, "DROP TRIGGER feed_begins ON pricing_pricechange")]
