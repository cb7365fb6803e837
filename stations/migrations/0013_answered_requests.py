from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("stations", "0012_assistant_calls"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnsweredRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller", models.CharField(help_text="The partner or person, such as partner:3.", max_length=40)),
                ("key", models.CharField(max_length=200)),
                ("request_hash", models.CharField(help_text="Of method, address and body.", max_length=64)),
                ("asked_at", models.DateTimeField(db_index=True)),
                ("status", models.PositiveSmallIntegerField(help_text="Empty: it is being worked on.", null=True)),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("body", models.BinaryField(default=b"")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("caller", "key"), name="answered_once_per_caller_and_key")
                ],
            },
        ),
    ]
