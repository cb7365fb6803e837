import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0002_found_cause"),
        ("telemetry", "0007_diagnoses"),
    ]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="diagnosis",
            field=models.ForeignKey(
                blank=True,
                help_text="How sure the cause is, told from what, and what else it may be.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="incidents",
                to="telemetry.diagnosis",
            ),
        ),
    ]
