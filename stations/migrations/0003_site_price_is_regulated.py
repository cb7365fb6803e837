from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0002_ids_without_control_characters"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="price_is_regulated",
            field=models.BooleanField(
                default=False,
                db_default=False,
                help_text="The tariff is set by law or contract: no policy ever touches it.",
            ),
        ),
    ]
