import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0006_site_time_zone"),
    ]

    operations = [
        migrations.AddField(
            model_name="operator",
            name="heartbeat_seconds",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="How often its chargers give a sign of life; after three missed ones one shows as offline.",
                null=True,
                validators=[django.core.validators.MinValueValidator(5)],
                verbose_name="heartbeat (s)",
            ),
        ),
    ]
