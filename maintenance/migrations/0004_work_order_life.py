import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import maintenance.models.checklists
import maintenance.models.people
import stations.models.places


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0003_incident_diagnosis"),
        ("stations", "0006_site_time_zone"),
        ("telemetry", "0008_session_price_stays"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChecklistItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("place", models.PositiveSmallIntegerField(default=0)),
                ("text", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[("check", "Done"), ("text", "Text"), ("number", "Number")],
                        default="check",
                        max_length=6,
                    ),
                ),
                ("required", models.BooleanField(default=True)),
                ("answer", models.CharField(blank=True, max_length=500)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["order", "place", "pk"],
            },
        ),
        migrations.CreateModel(
            name="IncidentChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("acknowledged", "Acknowledged"),
                            ("snoozed", "Snoozed"),
                            ("woken", "Woken"),
                            ("merged", "Merged"),
                            ("reported", "Reported again"),
                            ("closed", "Closed"),
                        ],
                        max_length=12,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="OrderPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("proposed", models.IntegerField(default=1)),
                ("reserved", models.IntegerField(default=0, editable=False)),
                ("used", models.IntegerField(default=0, editable=False)),
                (
                    "by_cause",
                    models.BooleanField(default=False, help_text="Proposed by the root cause, not by a person."),
                ),
            ],
            options={
                "ordering": ["order", "part"],
            },
        ),
        migrations.CreateModel(
            name="Part",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=100, unique=True)),
                ("unit_cost", models.DecimalField(decimal_places=2, default=0, max_digits=9)),
                (
                    "reorder_point",
                    models.PositiveIntegerField(default=1, help_text="A centre that has fewer needs a delivery."),
                ),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("before", "Before"), ("after", "After")], max_length=6)),
                ("file", models.FileField(upload_to=maintenance.models.checklists.photo_path)),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("taken_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["order", "-kind", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Stock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("quantity", models.IntegerField(default=0)),
                ("reserved", models.IntegerField(default=0, editable=False)),
            ],
            options={
                "verbose_name_plural": "stock",
                "ordering": ["part", "centre", "technician"],
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("receive", "Received"),
                            ("reserve", "Put aside"),
                            ("release", "Put back"),
                            ("consume", "Used"),
                        ],
                        max_length=8,
                    ),
                ),
                ("pieces", models.IntegerField()),
                ("at", models.DateTimeField()),
                ("note", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="workorder",
            name="work_order_closed_when_ended",
        ),
        migrations.AddField(
            model_name="incident",
            name="acknowledged_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="incident",
            name="acknowledged_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="chargers",
            field=models.ManyToManyField(
                blank=True,
                help_text="Of an incident of the whole site.",
                related_name="site_incidents",
                to="stations.charger",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="merged_into",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="merged",
                to="maintenance.incident",
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="severity",
            field=models.CharField(
                choices=[("minor", "Minor"), ("moderate", "Moderate"), ("major", "Major"), ("critical", "Critical")],
                db_default="moderate",
                default="moderate",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="incident",
            name="severity_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="why so severe"),
        ),
        migrations.AddField(
            model_name="incident",
            name="snooze_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="incident",
            name="snoozed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="servicecentre",
            name="city",
            field=models.CharField(blank=True, db_default="", max_length=100),
        ),
        migrations.AddField(
            model_name="servicecentre",
            name="hourly_cost",
            field=models.DecimalField(
                db_default=85,
                decimal_places=2,
                default=85,
                help_text="Of work and travel.",
                max_digits=7,
                verbose_name="cost of an hour",
            ),
        ),
        migrations.AddField(
            model_name="servicecentre",
            name="time_zone",
            field=models.CharField(
                db_default="UTC",
                default="UTC",
                help_text="In which shifts are told.",
                max_length=40,
                validators=[stations.models.places.is_time_zone],
            ),
        ),
        migrations.AddField(
            model_name="technician",
            name="region",
            field=models.CharField(blank=True, db_default="", help_text="Where he or she works.", max_length=100),
        ),
        migrations.AddField(
            model_name="technician",
            name="shift_end",
            field=models.TimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="technician",
            name="shift_start",
            field=models.TimeField(blank=True, help_text="In the centre's time zone; empty: always.", null=True),
        ),
        migrations.AddField(
            model_name="technician",
            name="skills",
            field=models.JSONField(
                blank=True,
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="Some of certified, electronics, hv, it, mechanical; empty: anything.",
                validators=[maintenance.models.people.are_skills],
            ),
        ),
        migrations.AddField(
            model_name="technician",
            name="works_weekends",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="workorder",
            name="accepted_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workorder",
            name="action",
            field=models.CharField(
                blank=True,
                choices=[
                    ("remote_reset", "Reset"),
                    ("part_swapped", "Part replaced"),
                    ("cleaned", "Cleaned or serviced"),
                    ("adjusted", "Adjusted or tightened"),
                    ("firmware", "Firmware renewed"),
                    ("utility", "Cleared by the utility"),
                    ("none_found", "Nothing wrong found"),
                ],
                db_default="",
                default="",
                max_length=12,
                verbose_name="what was done",
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="arrived_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workorder",
            name="by_hand",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="A person works on it: simulated crews leave it alone, and it needs photos.",
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="due_at",
            field=models.DateTimeField(
                blank=True, help_text="By when it must be resolved.", null=True, verbose_name="due"
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="duplicate_of",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="duplicates",
                to="maintenance.workorder",
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="follows",
            field=models.ForeignKey(
                blank=True,
                help_text="It could not complete.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="followed_by",
                to="maintenance.workorder",
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="held_since",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workorder",
            name="hold_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("parts", "Parts"),
                    ("access", "Access to the site"),
                    ("utility", "The utility"),
                    ("vendor", "The vendor"),
                    ("weather", "The weather"),
                ],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="minutes_travel",
            field=models.FloatField(blank=True, null=True, verbose_name="travel (min)"),
        ),
        migrations.AddField(
            model_name="workorder",
            name="minutes_work",
            field=models.FloatField(blank=True, null=True, verbose_name="work (min)"),
        ),
        migrations.AddField(
            model_name="workorder",
            name="resolution",
            field=models.TextField(blank=True, db_default="", default="", max_length=2000, verbose_name="in words"),
        ),
        migrations.AddField(
            model_name="workorder",
            name="resolved_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="workorder",
            name="respond_by",
            field=models.DateTimeField(blank=True, help_text="By when somebody must accept it.", null=True),
        ),
        migrations.AddField(
            model_name="workorder",
            name="stop",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="Place in the technician's route of the day.", null=True
            ),
        ),
        migrations.AddField(
            model_name="workorder",
            name="version",
            field=models.IntegerField(db_default=1, default=1, editable=False, help_text="One more with every change."),
        ),
        migrations.AddField(
            model_name="workorder",
            name="warned_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="That it is about to be late.", null=True),
        ),
        migrations.AddField(
            model_name="workorderchange",
            name="key",
            field=models.CharField(
                blank=True,
                editable=False,
                help_text="Of a request that counts once.",
                max_length=64,
                null=True,
                unique=True,
            ),
        ),
        migrations.AlterField(
            model_name="incident",
            name="source",
            field=models.CharField(
                choices=[
                    ("prediction", "Prediction"),
                    ("status", "Status report"),
                    ("person", "Person"),
                    ("driver", "Driver"),
                    ("partner", "Partner"),
                ],
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="workorder",
            name="priority",
            field=models.CharField(
                choices=[("low", "Low"), ("normal", "Normal"), ("high", "High"), ("urgent", "Urgent")],
                default="normal",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="workorder",
            name="state",
            field=models.CharField(
                choices=[
                    ("new", "New"),
                    ("triaged", "Triaged"),
                    ("assigned", "Assigned"),
                    ("accepted", "Accepted"),
                    ("en_route", "En route"),
                    ("in_progress", "In progress"),
                    ("on_hold", "On hold"),
                    ("resolved", "Resolved"),
                    ("verified", "Verified"),
                    ("closed", "Closed"),
                    ("cancelled", "Cancelled"),
                    ("duplicate", "Duplicate"),
                    ("could_not_complete", "Could not complete"),
                ],
                default="new",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="workorderchange",
            name="new_state",
            field=models.CharField(
                choices=[
                    ("new", "New"),
                    ("triaged", "Triaged"),
                    ("assigned", "Assigned"),
                    ("accepted", "Accepted"),
                    ("en_route", "En route"),
                    ("in_progress", "In progress"),
                    ("on_hold", "On hold"),
                    ("resolved", "Resolved"),
                    ("verified", "Verified"),
                    ("closed", "Closed"),
                    ("cancelled", "Cancelled"),
                    ("duplicate", "Duplicate"),
                    ("could_not_complete", "Could not complete"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="workorderchange",
            name="old_state",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddIndex(
            model_name="workorder",
            index=models.Index(
                condition=models.Q(("closed_at", None)), fields=["state", "changed_at"], name="work_order_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(("merged_into", models.F("pk")), _negated=True),
                name="incident_not_merged_into_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("snoozed_until__isnull", True), models.Q(("snooze_reason", ""), _negated=True), _connector="OR"
                ),
                name="incident_snoozed_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at__isnull", False),
                        ("state__in", ("closed", "cancelled", "duplicate", "could_not_complete")),
                    ),
                    models.Q(
                        ("closed_at__isnull", True),
                        models.Q(
                            ("state__in", ("closed", "cancelled", "duplicate", "could_not_complete")), _negated=True
                        ),
                    ),
                    _connector="OR",
                ),
                name="work_order_closed_when_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "on_hold"), _negated=True),
                    models.Q(("hold_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="work_order_on_hold_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="workorder",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("minutes_travel__isnull", True), ("minutes_travel__gte", 0), _connector="OR"),
                    models.Q(("minutes_work__isnull", True), ("minutes_work__gte", 0), _connector="OR"),
                ),
                name="work_order_minutes_not_negative",
            ),
        ),
        migrations.AddField(
            model_name="checklistitem",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="checklist", to="maintenance.workorder"
            ),
        ),
        migrations.AddField(
            model_name="incidentchange",
            name="by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the loop.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="incidentchange",
            name="incident",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="changes", to="maintenance.incident"
            ),
        ),
        migrations.AddField(
            model_name="orderpart",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="maintenance.workorder"
            ),
        ),
        migrations.AddConstraint(
            model_name="part",
            constraint=models.CheckConstraint(condition=models.Q(("unit_cost__gte", 0)), name="part_cost_not_negative"),
        ),
        migrations.AddField(
            model_name="orderpart",
            name="part",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="needs", to="maintenance.part"
            ),
        ),
        migrations.AddField(
            model_name="photo",
            name="by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="photo",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="photos", to="maintenance.workorder"
            ),
        ),
        migrations.AddField(
            model_name="stock",
            name="centre",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stock",
                to="maintenance.servicecentre",
            ),
        ),
        migrations.AddField(
            model_name="stock",
            name="part",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="stock", to="maintenance.part"
            ),
        ),
        migrations.AddField(
            model_name="stock",
            name="technician",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="van",
                to="maintenance.technician",
                verbose_name="van of",
            ),
        ),
        migrations.AddField(
            model_name="orderpart",
            name="stock",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="maintenance.stock",
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="by",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the loop.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="order",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="stock_movements",
                to="maintenance.workorder",
            ),
        ),
        migrations.AddField(
            model_name="stockmovement",
            name="stock",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="movements", to="maintenance.stock"
            ),
        ),
        migrations.AddConstraint(
            model_name="stock",
            constraint=models.UniqueConstraint(
                fields=("part", "centre", "technician"), name="stock_once_per_part_and_place", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="stock",
            constraint=models.CheckConstraint(
                condition=models.Q(("reserved__gte", 0), ("reserved__lte", models.F("quantity"))),
                name="stock_reserved_within_quantity",
            ),
        ),
        migrations.AddConstraint(
            model_name="stock",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("centre__isnull", True), ("technician__isnull", False)),
                    models.Q(("centre__isnull", False), ("technician__isnull", True)),
                    _connector="OR",
                ),
                name="stock_in_a_centre_or_a_van",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderpart",
            constraint=models.UniqueConstraint(fields=("order", "part"), name="order_part_once"),
        ),
        migrations.AddConstraint(
            model_name="orderpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("proposed__gte", 0), ("reserved__gte", 0), ("used__gte", 0)),
                name="order_part_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderpart",
            constraint=models.CheckConstraint(
                condition=models.Q(("reserved", 0), ("stock__isnull", False), _connector="OR"),
                name="order_part_reserved_has_a_place",
            ),
        ),
    ]
