from django.db import migrations, models

# What is late when this is installed has been so for everybody to see: only what gets late from now on is told.
QUIET = "UPDATE maintenance_workorder SET late_told_at = now() WHERE closed_at IS NULL"


class Migration(migrations.Migration):
    dependencies = [
        ("maintenance", "0009_times_of_old_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="workorder",
            name="late_told_at",
            field=models.DateTimeField(blank=True, editable=False, help_text="That it is late.", null=True),
        ),
        migrations.RunSQL(QUIET, migrations.RunSQL.noop),
    ]
