import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0004_work_order_life"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RootCauseNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "source",
                    models.CharField(choices=[("rules", "By rule"), ("gemini", "AI, unverified")], max_length=6),
                ),
                ("summary", models.CharField(max_length=400)),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("comms_backhaul", "communication"),
                            ("firmware_hang", "firmware hang"),
                            ("payment_auth", "payment"),
                            ("hmi_display", "display"),
                            ("ground_gfci", "ground fault"),
                            ("connector_cable", "connector or cable"),
                            ("connector_lock", "connector lock"),
                            ("contactor_weld", "contactor"),
                            ("power_module", "power module"),
                            ("cooling_thermal", "cooling"),
                            ("grid_supply", "grid supply"),
                            ("vandal_impact", "vandalism or impact"),
                            ("meter_fault", "meter"),
                            ("unknown", "unknown"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "confidence",
                    models.FloatField(
                        blank=True, help_text="Of the cause. Empty: nobody has worked it out.", null=True
                    ),
                ),
                (
                    "evidence",
                    models.JSONField(default=list, help_text="Each with the id of a fact and what it speaks for."),
                ),
                ("facts", models.JSONField(default=list, help_text="What was known then: id, kind and text of each.")),
                ("parts", models.JSONField(default=list)),
                ("steps", models.JSONField(default=list)),
                (
                    "safety",
                    models.CharField(
                        help_text="From our own table, whoever wrote the rest.",
                        max_length=300,
                        verbose_name="safety warning",
                    ),
                ),
                ("more_safety", models.CharField(blank=True, max_length=250, verbose_name="the model's own warning")),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        help_text="Why a rule wrote it and not Gemini.",
                        max_length=200,
                        verbose_name="why no AI note",
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=80, verbose_name="language model")),
                ("prompt_hash", models.CharField(blank=True, max_length=64)),
                ("latency_ms", models.IntegerField(blank=True, null=True, verbose_name="latency (ms)")),
                ("tokens_in", models.IntegerField(blank=True, null=True)),
                ("tokens_out", models.IntegerField(blank=True, null=True)),
                (
                    "cost",
                    models.DecimalField(
                        blank=True,
                        decimal_places=6,
                        help_text="Empty: the prices are not set.",
                        max_digits=10,
                        null=True,
                        verbose_name="cost ($)",
                    ),
                ),
                ("made_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the loop.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="maintenance.incident"
                    ),
                ),
            ],
            options={
                "verbose_name": "root-cause note",
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confidence__isnull", True),
                            models.Q(("confidence__gte", 0), ("confidence__lte", 1)),
                            _connector="OR",
                        ),
                        name="note_confidence_0_to_1",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("source", "rules"),
                            models.Q(("failure", ""), ("source", "gemini"), models.Q(("model", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="note_by_gemini_names_its_model",
                    ),
                ],
            },
        ),
    ]
