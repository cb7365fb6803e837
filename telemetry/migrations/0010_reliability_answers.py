from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0009_outage_exclusions")]

    operations = [
        migrations.CreateModel(
            name="ReliabilityAnswer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("question", models.CharField(max_length=20)),
                (
                    "key",
                    models.CharField(help_text="Of the question and what it was asked of.", max_length=64, unique=True),
                ),
                ("scope", models.JSONField()),
                (
                    "input_version",
                    models.CharField(help_text="Of the rows that it was made of.", max_length=100),
                ),
                ("answer", models.JSONField()),
                ("seconds", models.FloatField(verbose_name="took (s)")),
                ("computed_at", models.DateTimeField(db_index=True)),
            ],
            options={"ordering": ["-computed_at"]},
        ),
    ]
