import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import stations.models.ocpi
import stations.models.webhooks

TRIGGERS = """
CREATE FUNCTION stations_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at = clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER site_changed BEFORE UPDATE ON stations_site
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stations_note_change();
CREATE TRIGGER charger_changed BEFORE UPDATE ON stations_charger
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stations_note_change();
"""
NO_TRIGGERS = """
DROP TRIGGER site_changed ON stations_site;
DROP TRIGGER charger_changed ON stations_charger;
DROP FUNCTION stations_note_change();
"""


class Migration(migrations.Migration):
    """Columns with a default of the database rewrite nothing; from here on the database notes when a row changes."""

    dependencies = [
        ("stations", "0017_events_by_site"),
    ]

    operations = [
        migrations.AddField(
            model_name="charger",
            name="changed_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.AddField(
            model_name="outbox",
            name="lane",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Of a receiver outside, which is tried for a day and holds up nobody else.",
                max_length=30,
            ),
        ),
        migrations.AddField(
            model_name="site",
            name="changed_at",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "url",
                    models.CharField(
                        help_text="https://, ports 443 or 8443.",
                        max_length=255,
                        validators=[stations.models.webhooks.check_receiver],
                        verbose_name="address",
                    ),
                ),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("incident.opened", "Incident opened"),
                                ("incident.closed", "Incident closed"),
                                ("risk.level", "Risk level of a site"),
                                ("price.changed", "Price announced, begun or ended"),
                                ("work_order.state", "State of a work order"),
                                ("charger.status", "Status of a charger"),
                            ],
                            max_length=20,
                        ),
                        size=None,
                    ),
                ),
                ("sealed_secret", models.TextField(editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("told_until", models.DateTimeField(auto_now_add=True)),
                ("failing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                ("disabled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("disabled_because", models.CharField(blank=True, default="", editable=False, max_length=200)),
                (
                    "partner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="stations.partner"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(help_text="Of the event; receivers know a repeated one by it.", max_length=100),
                ),
                ("event", models.CharField(max_length=20)),
                ("payload", models.JSONField()),
                ("created_at", models.DateTimeField(auto_now_add=True, db_index=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("delivered", "Delivered"),
                            ("failing", "Failing"),
                            ("dead", "Given up"),
                        ],
                        default="waiting",
                        max_length=9,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=1, help_text="One more with each replay.")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("last_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("status_code", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="answer")),
                ("error", models.CharField(blank=True, default="", max_length=300)),
                (
                    "webhook",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="stations.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="OcpiConnection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "country_code",
                    models.CharField(choices=stations.models.ocpi.country_choices, default="US", max_length=2),
                ),
                (
                    "party_id",
                    models.CharField(
                        help_text="Of the operator, such as NOR.",
                        max_length=3,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Z0-9]{3}$", "Three capital letters or digits, as registered for the operator."
                            )
                        ],
                    ),
                ),
                ("token_hash", models.CharField(editable=False, max_length=128)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("registered_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("version", models.CharField(blank=True, default="", editable=False, max_length=10)),
                ("sealed_token", models.TextField(blank=True, default="", editable=False)),
                (
                    "url",
                    models.CharField(
                        blank=True, default="", editable=False, max_length=255, verbose_name="their versions"
                    ),
                ),
                ("roles", models.JSONField(default=list, editable=False)),
                ("endpoints", models.JSONField(default=dict, editable=False)),
                ("told_until", models.DateTimeField(auto_now_add=True)),
                ("failed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("failure", models.CharField(blank=True, default="", editable=False, max_length=300)),
                (
                    "partner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="ocpi", to="stations.partner"
                    ),
                ),
            ],
            options={
                "verbose_name": "OCPI connection",
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("token_hash__regex", "^[0-9a-f]{128}$")), name="ocpi_token_hash_is_sha512"
                    ),
                    models.UniqueConstraint(fields=("token_hash",), name="ocpi_token_once"),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.UniqueConstraint(fields=("partner", "url"), name="webhook_once_per_partner_and_address"),
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.CheckConstraint(
                condition=models.Q(("events__len__gt", 0)), name="webhook_wants_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(fields=("webhook", "key"), name="webhook_delivery_once_per_event"),
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
