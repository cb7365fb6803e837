from django.db import migrations, models


class Migration(migrations.Migration):
    """A column without a default: adding it rewrites nothing. Prices that hold now end with the next tick as before."""

    dependencies = [("telemetry", "0010_reliability_answers")]

    operations = [
        migrations.AddField(
            "sitestate",
            "price_until",
            models.DateTimeField(blank=True, help_text="The base price holds from then on.", null=True),
        ),
    ]
