"""IDs are part of addresses, where a line end has no place. Those that have one lose it, and get their number."""

from django.db import migrations, models
from django.db.models import Q

CONTROLS = r"[\u0001-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
CLEAN = """
UPDATE stations_{table} SET external_id = left(regexp_replace(external_id, '{controls}', '', 'g'), 44) || '-' || id
WHERE external_id ~ '{controls}'
"""


def without_controls(model: str) -> migrations.AddConstraint:
    return migrations.AddConstraint(
        model,
        models.CheckConstraint(
            condition=~Q(external_id__regex=CONTROLS),
            name=f"{model}_id_has_no_control_characters",
            violation_error_message="The ID has control characters; type it anew without them.",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("stations", "0001_initial")]

    operations = [
        migrations.RunSQL(CLEAN.format(table="site", controls=CONTROLS), migrations.RunSQL.noop),
        migrations.RunSQL(CLEAN.format(table="charger", controls=CONTROLS), migrations.RunSQL.noop),
        without_controls("site"),
        without_controls("charger"),
    ]
