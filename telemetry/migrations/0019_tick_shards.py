import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Who has forecast which share of a tick."""

    dependencies = [("telemetry", "0018_listening")]

    operations = [
        migrations.CreateModel(
            name="TickShard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("slot", models.BigIntegerField()),
                ("shard", models.IntegerField(help_text="The number of the site, modulo the number of shards.")),
                ("worker", models.CharField(max_length=100)),
                ("claimed_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("forecast", models.BinaryField(db_default=b"", default=b"")),
                (
                    "model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telemetry.modelversion"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("slot", "shard"), name="shard_of_a_tick_is_done_once")],
            },
        ),
    ]
