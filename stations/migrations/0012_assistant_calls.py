import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("stations", "0011_saved_views"),
    ]

    operations = [
        migrations.CreateModel(
            name="AssistantCall",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField(db_index=True)),
                ("was_shown", models.BooleanField(default=False)),
                (
                    "failure",
                    models.CharField(blank=True, max_length=200, verbose_name="why it was not shown"),
                ),
                ("model", models.CharField(max_length=80, verbose_name="language model")),
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
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("failure", ""), ("was_shown", True)),
                            models.Q(("was_shown", False), models.Q(("failure", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="assistant_call_shown_or_failed",
                    )
                ],
            },
        ),
    ]
