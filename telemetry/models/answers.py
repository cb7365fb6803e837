from django.db import models


class ReliabilityAnswer(models.Model):
    """What a question of the reliability pages got: kept until what it was made of changes."""

    question = models.CharField(max_length=20)
    key = models.CharField(max_length=64, unique=True, help_text="Of the question and what it was asked of.")
    scope = models.JSONField()
    input_version = models.CharField(max_length=100, help_text="Of the rows that it was made of.")
    answer = models.JSONField()
    seconds = models.FloatField("took (s)")
    computed_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-computed_at"]

    def __str__(self) -> str:
        return f"{self.question} of {self.computed_at:%Y-%m-%d %H:%M}"
