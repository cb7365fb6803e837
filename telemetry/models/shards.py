"""Shares of a tick's forecasts, so that several workers make them."""

import io

import numpy as np
from django.db import connection, models

FORECAST = np.dtype([("charger", "<i8"), ("risk", "<f8")])
_CLAIM = """
INSERT INTO telemetry_tickshard (slot, shard, worker, model_id, claimed_at, forecast)
SELECT %(slot)s, free.shard, %(worker)s, %(model)s, clock_timestamp(), ''
FROM generate_series(0, %(shards)s - 1) AS free (shard)
WHERE NOT EXISTS (SELECT FROM telemetry_tickshard taken WHERE taken.slot = %(slot)s AND taken.shard = free.shard)
ORDER BY free.shard LIMIT 1
ON CONFLICT (slot, shard) DO NOTHING RETURNING shard
"""


class TickShardQuerySet(models.QuerySet):
    def claim_next(self, slot: int, shards: int, worker: str, model: int) -> int | None:
        """A shard that nobody has claimed yet, now this worker's; None when all are taken. Outside of transactions."""
        values = {"slot": slot, "shards": shards, "worker": worker, "model": model}
        while self.filter(slot=slot, shard__lt=shards).count() < shards:
            with connection.cursor() as cursor:
                cursor.execute(_CLAIM, values)
                if row := cursor.fetchone():  # else somebody was faster by a moment: there may be others
                    return row[0]
        return None

    def keep(self, slot: int, shard: int, forecast: np.ndarray) -> None:
        """Hand in what was forecast for a shard: an array of FORECAST."""
        packed = io.BytesIO()
        np.save(packed, forecast, allow_pickle=False)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE telemetry_tickshard SET forecast = %b, done_at = clock_timestamp()"
                " WHERE slot = %b AND shard = %b",
                [packed.getvalue(), slot, shard],
            )

    def is_under_way(self, slot: int) -> bool:
        """Somebody has claimed a shard of this slot and has not handed it in."""
        return self.filter(slot=slot, done_at=None).exists()

    def workers(self, slot: int) -> int:
        """How many processes have handed something in for a slot; 0 where nothing was shared out."""
        return self.filter(slot=slot, done_at__isnull=False).values("worker").distinct().count()

    def forecasts(self, slot: int, model: int) -> np.ndarray:
        """What was handed in for a slot by this model, in order of charger."""
        blobs = self.filter(slot=slot, model=model, done_at__isnull=False).values_list("forecast", flat=True)
        parts = [np.load(io.BytesIO(bytes(blob)), allow_pickle=False) for blob in blobs]
        return np.sort(np.concatenate([np.zeros(0, FORECAST), *parts]), order="charger")

    def forget(self, slot: int, keep_slots: int) -> None:
        """Drop the forecasts of a slot that is done, and the rows of old ones."""
        self.filter(slot=slot).update(forecast=b"")
        self.filter(slot__lt=slot - keep_slots).delete()


class TickShard(models.Model):
    """A share of the chargers of one tick. Whoever inserts it forecasts it; everyone else takes another."""

    slot = models.BigIntegerField()
    shard = models.IntegerField(help_text="The number of the site, modulo the number of shards.")
    worker = models.CharField(max_length=100)
    model = models.ForeignKey("telemetry.ModelVersion", models.CASCADE, related_name="+")
    claimed_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    forecast = models.BinaryField(default=b"", db_default=b"")

    objects = TickShardQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["slot", "shard"], name="shard_of_a_tick_is_done_once")]

    def __str__(self) -> str:
        return f"tick {self.slot}, shard {self.shard}"
