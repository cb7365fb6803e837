from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="workorder",
            name="found_cause",
            field=models.CharField(
                blank=True,
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
                db_default="",
                help_text="What the technician found.",
                max_length=20,
                verbose_name="cause found",
            ),
        ),
    ]
