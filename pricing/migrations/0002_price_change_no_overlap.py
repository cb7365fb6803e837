"""Periods of one site never overlap. A cancelled change has an empty period, which overlaps nothing."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE pricing_pricechange ADD CONSTRAINT price_change_no_overlap_per_site
            EXCLUDE USING gist (
                int8range(site_id, site_id, '[]') WITH &&,
                tstzrange(starts_at, ends_at, '[)') WITH &&
            )
            """,
            "ALTER TABLE pricing_pricechange DROP CONSTRAINT price_change_no_overlap_per_site",
        )
    ]
