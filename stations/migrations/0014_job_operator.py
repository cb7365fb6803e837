import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that is empty in every row: adding it rewrites nothing."""

    dependencies = [("stations", "0013_answered_requests")]

    operations = [
        migrations.AddField(
            "job",
            "operator",
            models.ForeignKey(
                blank=True,
                help_text="Whose data it is about; empty: of no single operator.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="stations.operator",
            ),
        ),
    ]
