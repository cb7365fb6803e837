"""Policies as rows, proposals, switches; changes say when they were announced, why they ended and what they cost."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("pricing", "0002_price_change_no_overlap"),
        ("stations", "0003_site_price_is_regulated"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="pricechange",
            name="announced_at",
            field=models.DateTimeField(
                db_index=True,
                default=django.utils.timezone.now,
                help_text="When it was decided; from then on it is shown.",
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="pricechange",
            name="cost",
            field=models.DecimalField(decimal_places=2, default=0, max_digits=10, verbose_name="estimated cost"),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="ended_because",
            field=models.CharField(
                blank=True, help_text="Empty: it has not ended.", max_length=60, verbose_name="ended because"
            ),
        ),
        migrations.AddField(
            model_name="pricechange",
            name="power_share",
            field=models.DecimalField(decimal_places=3, default=1, max_digits=4, verbose_name="power allowed (share)"),
        ),
        migrations.AlterField(
            model_name="pricechange",
            name="applied",
            field=models.BooleanField(default=True, help_text="False before it begins and once it was put back."),
        ),
        migrations.AlterField(
            model_name="pricechange",
            name="by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the policy acted by itself.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="approved by",
            ),
        ),
        migrations.AlterField(
            model_name="pricechange",
            name="kind",
            field=models.CharField(
                choices=[("surge", "Surge"), ("reroute", "Reroute discount"), ("limit", "Power limit")], max_length=8
            ),
        ),
        migrations.CreateModel(
            name="PricingStop",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "why",
                    models.CharField(
                        choices=[("off", "Switched off"), ("emergency", "Declared emergency")],
                        default="off",
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(blank=True, help_text="Empty: until somebody ends it.", null=True)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "operator",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the whole network.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pricing_stops",
                        to="stations.operator",
                    ),
                ),
            ],
            options={
                "ordering": ["-starts_at"],
            },
        ),
        migrations.CreateModel(
            name="SurgePolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=30)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "applies_to",
                    models.CharField(
                        choices=[
                            ("nobody", "Nobody: kept for the record and the lab"),
                            ("simulated", "All simulated operators"),
                            ("real", "All real operators"),
                            ("operator", "One operator"),
                        ],
                        default="nobody",
                        max_length=10,
                        verbose_name="for",
                    ),
                ),
                ("valid_from", models.DateTimeField(default=django.utils.timezone.now)),
                ("valid_until", models.DateTimeField(blank=True, help_text="Empty: until further notice.", null=True)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("autonomous", "Autonomous: acts by itself"),
                            ("advisory", "Advisory: proposes, somebody approves"),
                        ],
                        default="advisory",
                        max_length=10,
                    ),
                ),
                (
                    "trigger",
                    models.CharField(
                        choices=[
                            ("heat", "Heat in the cabinet or derating; risk where neither is known"),
                            ("risk", "Risk"),
                        ],
                        default="heat",
                        max_length=4,
                    ),
                ),
                ("heat_on_c", models.FloatField(default=58, verbose_name="heat, on above (°C)")),
                ("heat_off_c", models.FloatField(default=50, verbose_name="heat, off below (°C)")),
                (
                    "derated_on",
                    models.FloatField(
                        default=0.15,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="power lost to heat, on above (0-1)",
                    ),
                ),
                (
                    "derated_off",
                    models.FloatField(
                        default=0.05,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="power lost to heat, off below (0-1)",
                    ),
                ),
                (
                    "risk_on",
                    models.FloatField(
                        default=0.6,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="risk, on above (0-1)",
                    ),
                ),
                (
                    "risk_off",
                    models.FloatField(
                        default=0.4,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="risk, off below (0-1)",
                    ),
                ),
                (
                    "multiplier",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("1.75"),
                        max_digits=6,
                        validators=[django.core.validators.MinValueValidator(1)],
                    ),
                ),
                (
                    "cap_share",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.75"),
                        max_digits=6,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cap above base (share)",
                    ),
                ),
                (
                    "cap_amount",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=8,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="cap above base (money)",
                    ),
                ),
                (
                    "discount",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.70"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                    ),
                ),
                (
                    "floor_share",
                    models.DecimalField(
                        decimal_places=4,
                        default=Decimal("0.30"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="floor below base (share)",
                    ),
                ),
                (
                    "marginal_cost",
                    models.DecimalField(
                        decimal_places=4,
                        default=0,
                        help_text="No discount goes below it.",
                        max_digits=8,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "discount_budget",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        help_text="Estimated cost, in the operator's currency. Empty: no limit.",
                        max_digits=10,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="discount budget per operator and day",
                    ),
                ),
                (
                    "approval_above",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=6,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="approval for rises above (share)",
                    ),
                ),
                (
                    "neighbour_below",
                    models.FloatField(
                        default=0.6,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="neighbour below utilization (0-1)",
                    ),
                ),
                (
                    "neighbour_risk_below",
                    models.FloatField(
                        default=0.4,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="neighbour below risk (0-1)",
                    ),
                ),
                (
                    "neighbour_rise",
                    models.FloatField(
                        default=0.3,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="expected rise of its load (share)",
                    ),
                ),
                (
                    "neighbour_full",
                    models.FloatField(
                        default=0.8,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="expected load at most (0-1)",
                    ),
                ),
                (
                    "neighbour_power",
                    models.FloatField(
                        default=0.5,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="its power at least (share)",
                    ),
                ),
                (
                    "radius_km",
                    models.FloatField(
                        default=25, validators=[django.core.validators.MinValueValidator(0)], verbose_name="radius (km)"
                    ),
                ),
                (
                    "same_operator",
                    models.BooleanField(default=False, verbose_name="neighbours of the same operator only"),
                ),
                (
                    "needs_alternative",
                    models.BooleanField(default=False, verbose_name="no surge without an alternative near"),
                ),
                ("shortest_seconds", models.PositiveIntegerField(default=60, verbose_name="minimum dwell (s)")),
                (
                    "longest_seconds",
                    models.PositiveIntegerField(
                        default=1800,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="longest surge (s)",
                    ),
                ),
                ("cool_down_seconds", models.PositiveIntegerField(default=300, verbose_name="cool-down (s)")),
                (
                    "changes_per_day",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: no limit.", null=True, verbose_name="surges per day"
                    ),
                ),
                (
                    "surge_seconds_per_day",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="surge seconds per day"),
                ),
                (
                    "notice_seconds",
                    models.PositiveIntegerField(
                        default=0, help_text="Before a price rises.", verbose_name="notice (s)"
                    ),
                ),
                (
                    "power_share",
                    models.DecimalField(
                        decimal_places=3,
                        default=1,
                        max_digits=4,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="power allowed while stressed (share)",
                    ),
                ),
                (
                    "price_after_seconds",
                    models.PositiveIntegerField(default=0, verbose_name="limit power alone for (s)"),
                ),
                (
                    "operator",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="policies",
                        to="stations.operator",
                    ),
                ),
                (
                    "sites",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Empty: all sites of the operator.",
                        related_name="policies",
                        to="stations.site",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "surge policies",
                "ordering": ["name", "-version"],
            },
        ),
        migrations.CreateModel(
            name="PriceProposal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("minutes", models.PositiveIntegerField(help_text="How long the price would hold.")),
                ("base_price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("new_price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("neighbour_base_price", models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True)),
                ("neighbour_price", models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True)),
                (
                    "cost",
                    models.DecimalField(
                        decimal_places=2, default=0, max_digits=10, verbose_name="discount costs about"
                    ),
                ),
                ("reason", models.CharField(max_length=200)),
                ("inputs", models.JSONField(default=dict, help_text="What it was decided from, as it was then.")),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "change",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proposals",
                        to="pricing.pricechange",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "neighbour",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="stations.site",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="price_proposals", to="stations.site"
                    ),
                ),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="proposals", to="pricing.surgepolicy"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.RenameField("pricechange", "policy", "policy_name"),
        migrations.AddField(
            model_name="pricechange",
            name="policy",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="pricing.surgepolicy"
            ),
        ),
        migrations.AddConstraint(
            model_name="pricechange",
            constraint=models.CheckConstraint(
                condition=models.Q(("power_share__range", (0, 1))), name="price_change_power_0_to_1"
            ),
        ),
        migrations.AddConstraint(
            model_name="surgepolicy",
            constraint=models.UniqueConstraint(
                fields=("name", "operator", "version"), name="surge_policy_version_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="surgepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("applies_to", "operator"), ("operator__isnull", False)),
                    models.Q(
                        models.Q(("applies_to", "operator"), _negated=True),
                        models.Q(("operator__isnull", True), ("applies_to", "nobody"), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="surge_policy_operator_where_it_is_for_one",
                violation_error_message="Choose an operator exactly where the policy is for one operator.",
            ),
        ),
        migrations.AddConstraint(
            model_name="surgepolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("heat_off_c__lte", models.F("heat_on_c")),
                    ("risk_off__lte", models.F("risk_on")),
                    ("derated_off__lte", models.F("derated_on")),
                ),
                name="surge_policy_ends_below_where_it_begins",
                violation_error_message="What ends a surge must not lie above what begins it.",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproposal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "waiting")), fields=("site",), name="price_proposal_one_waiting_per_site"
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(("base_price__gte", 0), ("new_price__gte", 0)),
                name="price_proposal_prices_not_negative",
            ),
        ),
    ]
