"""Changes that were made before policies were rows point at the first version of the policy that they name."""

from datetime import UTC, datetime
from decimal import Decimal

from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    """One version of each policy that is named: all of them had the original numbers."""
    change, policy = (apps.get_model("pricing", name) for name in ("PriceChange", "SurgePolicy"))
    changes = change.objects.using(schema_editor.connection.alias)
    for name in set(changes.order_by().values_list("policy_name", flat=True)):
        row = policy.objects.using(schema_editor.connection.alias).create(
            name=name, version=1, applies_to="simulated" if name == "original" else "nobody", mode="autonomous",
            trigger="risk", multiplier=Decimal("1.75"), discount=Decimal("0.70"),
            valid_from=datetime(2000, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        changes.filter(policy_name=name).update(policy=row, announced_at=F("starts_at"))
    changes.filter(applied=False).update(ended_because="put back")


class Migration(migrations.Migration):
    dependencies = [("pricing", "0003_surge_policies")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
