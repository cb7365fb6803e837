from django.db import migrations, models

import stations.models.places


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0005_site_notes_for_technicians"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="time_zone",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Such as America/Denver, for business hours and planned work. Empty: that of the data.",
                max_length=40,
                validators=[stations.models.places.is_time_zone],
            ),
        ),
    ]
