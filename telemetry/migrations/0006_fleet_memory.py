from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0005_model_version")]

    operations = [
        migrations.AddField(
            model_name="worldstate",
            name="fleet",
            field=models.BinaryField(db_default=b"", default=b"", verbose_name="chargers"),
        ),
        migrations.AlterField(model_name="worldstate", name="blob", field=models.BinaryField(verbose_name="sites")),
        # Written at every tick: to compress it would take longer than to store it.
        migrations.RunSQL(
            "ALTER TABLE telemetry_worldstate ALTER COLUMN fleet SET STORAGE EXTERNAL", migrations.RunSQL.noop
        ),
    ]
