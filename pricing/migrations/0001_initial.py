import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("stations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("surge", "Surge"), ("reroute", "Reroute discount")], max_length=8)),
                ("starts_at", models.DateTimeField(db_index=True)),
                ("ends_at", models.DateTimeField(help_text="It ends by itself then, if nothing ends it earlier.")),
                (
                    "applied",
                    models.BooleanField(default=True, help_text="False once the site's price has been put back."),
                ),
                ("old_price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("new_price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("reason", models.CharField(max_length=200)),
                ("inputs", models.JSONField(default=dict, help_text="What decided it, as it was then.")),
                ("policy", models.CharField(default="original", max_length=30)),
                (
                    "by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the policy.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="price_changes", to="stations.site"
                    ),
                ),
                (
                    "surge",
                    models.ForeignKey(
                        blank=True,
                        help_text="The surge whose load this takes.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reroutes",
                        to="pricing.pricechange",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gte", models.F("starts_at"))),
                        name="price_change_period_not_backwards",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("new_price__gte", 0), ("old_price__gte", 0)),
                        name="price_change_prices_not_negative",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("applied", True)),
                        fields=("site",),
                        name="price_change_one_applied_per_site",
                    ),
                ],
            },
        ),
    ]
