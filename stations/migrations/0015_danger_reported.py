from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0014_job_operator"),
    ]

    operations = [
        migrations.AlterField(
            model_name="fleetevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("TRAFFIC_SURGE_DETECTED", "Traffic surge"),
                    ("RISK_RAISED", "Risk raised"),
                    ("SURGE_OPENED", "Surge"),
                    ("SURGE_ANNOUNCED", "Surge announced"),
                    ("SURGE_CANCELLED", "Surge called off"),
                    ("SURGE_CLOSED", "Surge ended"),
                    ("REROUTE_OPENED", "Reroute"),
                    ("REROUTE_ANNOUNCED", "Reroute announced"),
                    ("REROUTE_CANCELLED", "Reroute called off"),
                    ("REROUTE_CLOSED", "Reroute ended"),
                    ("LIMIT_OPENED", "Power limited"),
                    ("LIMIT_CLOSED", "Power limit ended"),
                    ("PRICE_PROPOSED", "Price proposed"),
                    ("PRICES_STOPPED", "Prices stopped"),
                    ("PRICES_RELEASED", "Prices released"),
                    ("WORK_ORDER_OPENED", "Work order"),
                    ("WORK_ORDER_SENT", "Technician sent"),
                    ("WORK_ORDER_PRIORITY", "Priority changed"),
                    ("WORK_ORDER_DUE_SOON", "Work order nearly late"),
                    ("WORK_ORDER_LATE", "Work order late"),
                    ("WORK_ORDER_CLOSED", "Work order closed"),
                    ("CHARGER_FAULTED", "Charger fault"),
                    ("CHARGER_RECOVERED", "Charger recovered"),
                    ("DANGER_REPORTED", "Danger reported"),
                    ("STRESSED", "Stress (simulated)"),
                    ("HEALED", "Heal"),
                ],
                max_length=30,
            ),
        ),
    ]
