import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import stations.models.access


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0009_order_notices"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Partner",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "contact_email",
                    models.EmailField(
                        blank=True,
                        help_text="Whom to write to about keys and webhooks.",
                        max_length=254,
                    ),
                ),
                (
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="partners", to="stations.operator"
                    ),
                ),
            ],
            options={
                "ordering": ["operator", "name"],
            },
        ),
        migrations.CreateModel(
            name="PartnerKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prefix", models.CharField(editable=False, max_length=8, unique=True)),
                ("secret_hash", models.CharField(editable=False, max_length=128)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=stations.models.access.scope_choices,
                            max_length=30,
                        ),
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, editable=False, help_text="To the minute.", null=True),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="stations.partner"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.UniqueConstraint(fields=("operator", "name"), name="partner_once_per_operator"),
        ),
        migrations.AddConstraint(
            model_name="partnerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes__len__gt", 0)), name="partner_key_has_scopes"
            ),
        ),
        migrations.AddConstraint(
            model_name="partnerkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("secret_hash__regex", "^[0-9a-f]{128}$")), name="partner_key_hash_is_sha512"
            ),
        ),
    ]
