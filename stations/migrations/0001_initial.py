import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Operator",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "is_simulated",
                    models.BooleanField(
                        default=False,
                        help_text="The tick makes this operator's readings. Off: they arrive from outside.",
                        verbose_name="simulated",
                    ),
                ),
                ("currency", models.CharField(default="USD", max_length=3)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Outbox",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=50)),
                ("idempotency_key", models.CharField(max_length=200, unique=True)),
                ("payload", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("due_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField(blank=True, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("dead_at", models.DateTimeField(blank=True, help_text="Given up after the last attempt.", null=True)),
                ("last_error", models.TextField(blank=True)),
            ],
            options={
                "verbose_name_plural": "outbox",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("dead_at__isnull", True), ("done_at__isnull", True)),
                        fields=["due_at"],
                        name="outbox_due",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=64, unique=True, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("region", models.CharField(blank=True, max_length=50, verbose_name="state")),
                ("latitude", models.FloatField(blank=True, null=True, verbose_name="latitude (°)")),
                ("longitude", models.FloatField(blank=True, null=True, verbose_name="longitude (°)")),
                (
                    "location_type",
                    models.CharField(
                        choices=[
                            ("Airport", "Airport"),
                            ("Highway Corridor", "Highway Corridor"),
                            ("Hotel/Hospitality", "Hotel/Hospitality"),
                            ("Residential", "Residential"),
                            ("Shopping Center", "Shopping Center"),
                            ("Suburban", "Suburban"),
                            ("Urban Center", "Urban Center"),
                            ("Workplace", "Workplace"),
                            ("Unknown", "Unknown"),
                        ],
                        default="Unknown",
                        max_length=20,
                    ),
                ),
                (
                    "charger_type",
                    models.CharField(
                        choices=[
                            ("DC Fast Charge", "DC Fast Charge"),
                            ("Hyper-Fast", "Hyper-Fast"),
                            ("Level 2", "Level 2"),
                            ("Tesla DC Fast", "Tesla DC Fast"),
                            ("Unknown", "Unknown"),
                        ],
                        default="Unknown",
                        max_length=20,
                    ),
                ),
                (
                    "power_kw",
                    models.FloatField(
                        default=0,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="power per port (kW)",
                    ),
                ),
                (
                    "ports_total",
                    models.PositiveSmallIntegerField(
                        default=0, validators=[django.core.validators.MaxValueValidator(1000)], verbose_name="ports"
                    ),
                ),
                ("amenities", models.CharField(blank=True, max_length=500)),
                (
                    "pricing_type",
                    models.CharField(
                        choices=[("per_kwh", "per kWh"), ("per_minute", "per minute"), ("free", "free")],
                        default="per_kwh",
                        max_length=10,
                    ),
                ),
                (
                    "base_price",
                    models.DecimalField(
                        decimal_places=4,
                        default=0,
                        help_text="Price without any change in force, per kWh or minute.",
                        max_digits=8,
                    ),
                ),
                ("session_minutes", models.FloatField(default=35, verbose_name="usual session (min)")),
                (
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sites", to="stations.operator"
                    ),
                ),
            ],
            options={
                "ordering": ["external_id"],
            },
        ),
        migrations.CreateModel(
            name="FleetEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("TRAFFIC_SURGE_DETECTED", "Traffic surge"),
                            ("RISK_RAISED", "Risk raised"),
                            ("SURGE_OPENED", "Surge"),
                            ("SURGE_CLOSED", "Surge ended"),
                            ("REROUTE_OPENED", "Reroute"),
                            ("REROUTE_CLOSED", "Reroute ended"),
                            ("WORK_ORDER_OPENED", "Work order"),
                            ("WORK_ORDER_CLOSED", "Work order closed"),
                            ("CHARGER_FAULTED", "Charger fault"),
                            ("CHARGER_RECOVERED", "Charger recovered"),
                            ("STRESSED", "Stress (simulated)"),
                            ("HEALED", "Heal"),
                        ],
                        max_length=30,
                    ),
                ),
                ("message", models.CharField(max_length=300)),
                ("old_price", models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True)),
                ("new_price", models.DecimalField(blank=True, decimal_places=4, max_digits=8, null=True)),
                (
                    "actor",
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
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="stations.operator"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="stations.site",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Charger",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("external_id", models.CharField(max_length=64, unique=True, verbose_name="ID")),
                (
                    "cabinet_id",
                    models.CharField(
                        blank=True, help_text="OCPP identity, shared by the ports of a cabinet.", max_length=64
                    ),
                ),
                ("cabinet_port", models.PositiveSmallIntegerField(default=1)),
                ("connector_type", models.CharField(blank=True, max_length=50)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("power_kw", models.FloatField(default=0, verbose_name="power (kW)")),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="chargers", to="stations.site"
                    ),
                ),
            ],
            options={
                "ordering": ["external_id"],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=50)),
                (
                    "state",
                    models.CharField(
                        choices=[("queued", "Queued"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("parameters", models.JSONField(blank=True, default=dict)),
                ("upload", models.FileField(blank=True, upload_to="uploads/%Y/%m/")),
                ("done", models.BigIntegerField(default=0)),
                (
                    "total",
                    models.BigIntegerField(
                        blank=True, help_text="Empty while the amount of work is not known.", null=True
                    ),
                ),
                ("message", models.CharField(blank=True, max_length=300)),
                ("result", models.JSONField(blank=True, default=dict)),
                ("result_file", models.FileField(blank=True, upload_to="results/%Y/%m/")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running"])),
                        fields=["heartbeat_at"],
                        name="job_unfinished",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "operator",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="stations.operator"
                    ),
                ),
            ],
            options={
                "ordering": ["user", "operator"],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "operator"), name="membership_once_per_operator")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("latitude__isnull", True), ("longitude__isnull", True)),
                    models.Q(
                        ("latitude__isnull", False),
                        ("longitude__isnull", False),
                        ("latitude__range", (-90, 90)),
                        ("longitude__range", (-180, 180)),
                    ),
                    _connector="OR",
                ),
                name="site_latitude_and_longitude_both_or_neither",
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(("base_price__gte", 0)), name="site_price_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("pricing_type", "free"), _negated=True), ("base_price", 0), _connector="OR"
                ),
                name="site_free_means_price_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="site",
            constraint=models.CheckConstraint(condition=models.Q(("power_kw__gte", 0)), name="site_power_not_negative"),
        ),
        migrations.AddIndex(
            model_name="charger",
            index=models.Index(models.F("site"), models.F("external_id"), name="charger_by_site"),
        ),
        migrations.AddConstraint(
            model_name="charger",
            constraint=models.UniqueConstraint(
                condition=models.Q(("cabinet_id", ""), _negated=True),
                fields=("cabinet_id", "cabinet_port"),
                name="charger_port_once_per_cabinet",
            ),
        ),
        migrations.AddConstraint(
            model_name="charger",
            constraint=models.CheckConstraint(
                condition=models.Q(("power_kw__gte", 0)), name="charger_power_not_negative"
            ),
        ),
    ]
