"""Only open changes are looked up at every tick; a proposal knows what was proposed, and by which version next door."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Greatest

AT_MOST_A_DAY = [django.core.validators.MaxValueValidator(86_400)]


def fill(apps, schema_editor):
    """What waits was proposed as it is, as far as is known; the neighbour's version stays open: it is the site's.

    Nothing that points at other rows is filled, because an index that is made after it would find checks pending.
    """
    proposals = apps.get_model("pricing", "PriceProposal").objects.using(schema_editor.connection.alias)
    proposals.update(proposed_minutes=Greatest("minutes", 1))


class Migration(migrations.Migration):
    dependencies = [("pricing", "0005_every_change_has_a_policy")]

    operations = [
        migrations.AddIndex(
            "pricechange",
            models.Index(fields=["site"], condition=Q(applied=True) | Q(ended_because=""), name="price_change_open"),
        ),
        migrations.AddField("priceproposal", "proposed_minutes", models.PositiveIntegerField(default=1)),
        migrations.AddField(
            "priceproposal",
            "neighbour_policy",
            models.ForeignKey(
                blank=True,
                help_text="The version that made the discount: that of the neighbour.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="pricing.surgepolicy",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            "priceproposal",
            "proposed_minutes",
            models.PositiveIntegerField(
                editable=False, help_text="What the policy's longest surge and what is left of the day allow."
            ),
        ),
        migrations.AlterField(
            "priceproposal",
            "minutes",
            models.PositiveIntegerField(
                help_text="How long the price would hold; not longer than was proposed.",
                validators=[django.core.validators.MinValueValidator(1)],
            ),
        ),
        migrations.AlterField(
            "surgepolicy",
            "multiplier",
            models.DecimalField(
                decimal_places=4,
                default=Decimal("1.75"),
                max_digits=6,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10),
                ],
            ),
        ),
        migrations.AlterField(
            "surgepolicy",
            "cap_share",
            models.DecimalField(
                "cap above base (share)",
                decimal_places=4,
                default=Decimal("0.75"),
                max_digits=6,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(9),
                ],
            ),
        ),
        migrations.AlterField(
            "surgepolicy",
            "cool_down_seconds",
            models.PositiveIntegerField("cool-down (s)", default=300, validators=AT_MOST_A_DAY),
        ),
    ]
