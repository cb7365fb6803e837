import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pricing", "0004_policies_of_old_changes")]

    operations = [
        migrations.RemoveField("pricechange", "policy_name"),
        migrations.AlterField(
            model_name="pricechange",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="changes", to="pricing.surgepolicy"
            ),
        ),
    ]
