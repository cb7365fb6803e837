import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.datetime
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
            name="LiveReading",
            fields=[
                ("at", models.DateTimeField()),
                ("ports_available", models.SmallIntegerField()),
                ("ports_occupied", models.SmallIntegerField()),
                ("ports_out_of_service", models.SmallIntegerField()),
                ("utilization", models.FloatField(verbose_name="utilization (0-1)")),
                ("wait_minutes", models.FloatField(verbose_name="wait (min)")),
                ("temperature_f", models.FloatField(verbose_name="temperature (°F)")),
                ("price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("risk", models.FloatField(verbose_name="risk (0-1)")),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site_id", "at", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
            options={
                "db_table": "telemetry_livereading",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Tick",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot", models.BigIntegerField(help_text="floor(epoch seconds / 10)", unique=True)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("sites", models.IntegerField(default=0)),
                ("version", models.BigIntegerField(default=0)),
                ("scorer", models.CharField(blank=True, max_length=50)),
                ("milliseconds", models.JSONField(blank=True, default=dict, help_text="How long each phase took.")),
            ],
            options={
                "ordering": ["-slot"],
            },
        ),
        migrations.CreateModel(
            name="WorldState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("shard", models.IntegerField(unique=True)),
                ("slot", models.BigIntegerField()),
                ("blob", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="ChargerState",
            fields=[
                (
                    "charger",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="stations.charger",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("AVAILABLE", "Available"),
                            ("PREPARING", "Preparing"),
                            ("CHARGING", "Charging"),
                            ("FINISHING", "Finishing"),
                            ("RESERVED", "Reserved"),
                            ("UNAVAILABLE", "Unavailable"),
                            ("FAULTED", "Faulted"),
                            ("OFFLINE", "Offline"),
                            ("UNKNOWN", "Unknown"),
                        ],
                        default="UNKNOWN",
                        max_length=11,
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("temperature_c", models.FloatField(blank=True, null=True, verbose_name="temperature (°C)")),
                ("since", models.DateTimeField(blank=True, help_text="When it entered this state.", null=True)),
                ("last_report_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["FAULTED", "OFFLINE", "UNAVAILABLE"])),
                        fields=["charger"],
                        name="charger_state_out",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Climatology",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "month", "hour", "site_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("month", models.SmallIntegerField()),
                ("hour", models.SmallIntegerField()),
                ("utilization", models.FloatField()),
                ("temperature_f", models.FloatField()),
                ("precipitation_mm", models.FloatField()),
                (
                    "weather",
                    models.SmallIntegerField(
                        choices=[
                            (0, "clear"),
                            (1, "partly_cloudy"),
                            (2, "cloudy"),
                            (3, "light_rain"),
                            (4, "heavy_rain"),
                            (5, "extreme_heat"),
                            (6, "freezing"),
                        ]
                    ),
                ),
                ("gas_price", models.FloatField()),
                ("traffic_index", models.FloatField()),
                (
                    "site",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="stations.site",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "climatology",
            },
        ),
        migrations.CreateModel(
            name="RiskModel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(default="state_classifier", max_length=30)),
                (
                    "state",
                    models.CharField(
                        choices=[("candidate", "Candidate"), ("active", "Active"), ("retired", "Retired")],
                        default="candidate",
                        max_length=10,
                    ),
                ),
                ("file_name", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("scikit_learn", models.CharField(max_length=20, verbose_name="scikit-learn")),
                ("features", models.JSONField(default=list)),
                ("rows", models.BigIntegerField(default=0)),
                ("metrics", models.JSONField(default=dict)),
                ("trained_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "active")), fields=("kind",), name="risk_model_one_active_per_kind"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteState",
            fields=[
                (
                    "site",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="state",
                        serialize=False,
                        to="stations.site",
                    ),
                ),
                ("at", models.DateTimeField(blank=True, help_text="Empty until the first reading.", null=True)),
                (
                    "version",
                    models.BigIntegerField(
                        default=0, help_text="Grows with every push; browsers use it to notice a gap."
                    ),
                ),
                ("ports_available", models.SmallIntegerField(default=0)),
                ("ports_occupied", models.SmallIntegerField(default=0)),
                ("ports_out_of_service", models.SmallIntegerField(default=0)),
                (
                    "status",
                    models.SmallIntegerField(
                        choices=[(0, "operational"), (1, "partial_outage"), (2, "under_maintenance"), (3, "offline")],
                        default=0,
                    ),
                ),
                ("utilization", models.FloatField(default=0, verbose_name="utilization (0-1)")),
                (
                    "usual_utilization",
                    models.FloatField(
                        default=0, help_text="Mean of its whole history.", verbose_name="usual utilization (0-1)"
                    ),
                ),
                ("wait_minutes", models.FloatField(default=0, verbose_name="wait (min)")),
                ("temperature_f", models.FloatField(default=0, verbose_name="temperature (°F)")),
                ("precipitation_mm", models.FloatField(default=0, verbose_name="precipitation (mm)")),
                (
                    "weather",
                    models.SmallIntegerField(
                        choices=[
                            (0, "clear"),
                            (1, "partly_cloudy"),
                            (2, "cloudy"),
                            (3, "light_rain"),
                            (4, "heavy_rain"),
                            (5, "extreme_heat"),
                            (6, "freezing"),
                        ],
                        default=0,
                    ),
                ),
                ("traffic_index", models.FloatField(default=1, verbose_name="traffic (1-10)")),
                ("gas_price", models.FloatField(default=0, verbose_name="gas (USD/gal)")),
                (
                    "local_event",
                    models.SmallIntegerField(
                        choices=[(0, "none"), (1, "concert"), (2, "sports_game"), (3, "conference"), (4, "festival")],
                        default=0,
                    ),
                ),
                ("price", models.DecimalField(decimal_places=4, default=0, max_digits=8)),
                ("risk", models.FloatField(default=0, verbose_name="risk, 24 h")),
                (
                    "level",
                    models.CharField(
                        choices=[("low", "Low"), ("watch", "Watch"), ("critical", "Critical")],
                        default="low",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="why")),
                ("revenue_at_risk", models.FloatField(default=0, verbose_name="revenue-at-risk index")),
                (
                    "expected_loss",
                    models.DecimalField(
                        decimal_places=2, default=0, max_digits=12, verbose_name="expected loss (per hour)"
                    ),
                ),
                ("is_stressed", models.BooleanField(default=False, verbose_name="held under stress (simulated)")),
            ],
            options={
                "ordering": [models.OrderBy(models.F("expected_loss"), descending=True), "site"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("risk__range", (0, 1))), name="sitestate_risk_0_to_1"),
                    models.CheckConstraint(
                        condition=models.Q(("utilization__range", (0, 1))), name="sitestate_utilization_0_to_1"
                    ),
                    models.CheckConstraint(condition=models.Q(("price__gte", 0)), name="sitestate_price_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ports_available__gte", 0), ("ports_occupied__gte", 0), ("ports_out_of_service__gte", 0)
                        ),
                        name="sitestate_ports_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChargingSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, help_text="Empty: it still goes on.", null=True)),
                ("energy_kwh", models.FloatField(default=0, verbose_name="energy (kWh)")),
                ("success", models.BooleanField(blank=True, null=True)),
                (
                    "price",
                    models.DecimalField(
                        blank=True, decimal_places=4, help_text="Empty: not recorded.", max_digits=8, null=True
                    ),
                ),
                (
                    "charger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sessions",
                        to="stations.charger",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("charger", "started_at"), name="session_once_per_charger_and_start"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True), ("ended_at__gte", models.F("started_at")), _connector="OR"
                        ),
                        name="session_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("energy_kwh__gte", 0)), name="session_energy_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Outage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(db_index=True)),
                ("ended_at", models.DateTimeField(blank=True, help_text="Empty: it still goes on.", null=True)),
                (
                    "left_censored",
                    models.BooleanField(default=False, help_text="It had begun before the first report."),
                ),
                ("status", models.CharField(help_text="The fault state in which it began.", max_length=11)),
                ("error_code", models.CharField(blank=True, max_length=50)),
                (
                    "excluded_reason",
                    models.CharField(blank=True, help_text="Why it does not count against uptime.", max_length=100),
                ),
                (
                    "charger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outages",
                        to="stations.charger",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("charger", "started_at"), name="outage_once_per_charger_and_start"),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("charger",),
                        name="outage_one_open_per_charger",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True), ("ended_at__gt", models.F("started_at")), _connector="OR"
                        ),
                        name="outage_ends_after_start",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Reading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("ports_total", models.SmallIntegerField()),
                ("ports_available", models.SmallIntegerField()),
                ("ports_occupied", models.SmallIntegerField()),
                ("ports_out_of_service", models.SmallIntegerField()),
                ("utilization", models.FloatField(verbose_name="utilization (0-1)")),
                (
                    "status",
                    models.SmallIntegerField(
                        choices=[(0, "operational"), (1, "partial_outage"), (2, "under_maintenance"), (3, "offline")]
                    ),
                ),
                ("wait_minutes", models.FloatField(verbose_name="wait (min)")),
                ("session_minutes", models.FloatField(verbose_name="session (min)")),
                ("price", models.DecimalField(decimal_places=4, max_digits=8)),
                ("temperature_f", models.FloatField(verbose_name="temperature (°F)")),
                ("precipitation_mm", models.FloatField(verbose_name="precipitation (mm)")),
                (
                    "weather",
                    models.SmallIntegerField(
                        choices=[
                            (0, "clear"),
                            (1, "partly_cloudy"),
                            (2, "cloudy"),
                            (3, "light_rain"),
                            (4, "heavy_rain"),
                            (5, "extreme_heat"),
                            (6, "freezing"),
                        ]
                    ),
                ),
                ("gas_price", models.DecimalField(decimal_places=3, max_digits=6, verbose_name="gas (USD/gal)")),
                ("traffic_index", models.FloatField(verbose_name="traffic (1-10)")),
                (
                    "local_event",
                    models.SmallIntegerField(
                        choices=[(0, "none"), (1, "concert"), (2, "sports_game"), (3, "conference"), (4, "festival")]
                    ),
                ),
                (
                    "from_ticks",
                    models.BooleanField(
                        db_default=False, help_text="Thinned from the simulated network: no history to learn from."
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="readings",
                        to="stations.site",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "at"), name="reading_once_per_site_and_time"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ports_total",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("ports_available"), "+", models.F("ports_occupied")
                                    ),
                                    "+",
                                    models.F("ports_out_of_service"),
                                ),
                            )
                        ),
                        name="reading_ports_add_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("utilization__range", (0, 1))), name="reading_utilization_0_to_1"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Risk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True)),
                ("probability", models.FloatField(verbose_name="risk, 24 h")),
                (
                    "level",
                    models.CharField(
                        choices=[("low", "Low"), ("watch", "Watch"), ("critical", "Critical")], max_length=10
                    ),
                ),
                ("reason", models.CharField(max_length=200, verbose_name="why")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="risks", to="stations.site"
                    ),
                ),
                (
                    "model",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: scored by the rule.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="telemetry.riskmodel",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("probability__range", (0, 1))), name="risk_probability_0_to_1"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SiteOverride",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
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
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="stations.site"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["ends_at"], name="override_by_end")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gte", models.F("starts_at"))), name="override_ends_after_start"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StatusReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reported_at", models.DateTimeField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("AVAILABLE", "Available"),
                            ("PREPARING", "Preparing"),
                            ("CHARGING", "Charging"),
                            ("FINISHING", "Finishing"),
                            ("RESERVED", "Reserved"),
                            ("UNAVAILABLE", "Unavailable"),
                            ("FAULTED", "Faulted"),
                            ("OFFLINE", "Offline"),
                            ("UNKNOWN", "Unknown"),
                        ],
                        max_length=11,
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=50)),
                ("temperature_c", models.FloatField(blank=True, null=True, verbose_name="temperature (°C)")),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "charger",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="status_reports",
                        to="stations.charger",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("charger", "reported_at"), name="status_report_once_per_charger_and_time"
                    )
                ],
            },
        ),
    ]
