"""Spare parts: the catalogue, what lies where, and what orders take. Nothing is ever taken twice or below nothing."""

from datetime import datetime

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import connection, models, transaction
from django.db.models import F, Q

from telemetry.risk.taxonomy import REPAIR_OF

# A technician's van is looked into before the shelf of the centre. What one statement gives to several orders is
# counted up in their order, so that nobody gets what an order before has taken.
_RESERVE = """
WITH needed AS (
    SELECT need.id, need.order_id, need.part_id, need.proposed - need.reserved - need.used AS pieces,
        technician.id AS technician_id, technician.centre_id,
        CASE WHEN need.reserved > 0 THEN need.stock_id END AS only_stock_id
    FROM maintenance_orderpart need
    JOIN maintenance_workorder work_order ON work_order.id = need.order_id AND work_order.closed_at IS NULL
    JOIN maintenance_technician technician ON technician.id = work_order.technician_id
    WHERE need.order_id = ANY(%(orders)s) AND need.proposed > need.reserved + need.used
    ORDER BY need.id FOR UPDATE OF need
), place AS (
    SELECT stock.id, stock.part_id, stock.technician_id, stock.centre_id, stock.quantity - stock.reserved AS free
    FROM maintenance_stock stock
    WHERE stock.id IN (SELECT stock.id FROM maintenance_stock stock JOIN needed ON stock.part_id = needed.part_id
        AND (stock.technician_id = needed.technician_id OR stock.centre_id = needed.centre_id))
    ORDER BY stock.id FOR UPDATE
), choice AS (
    SELECT DISTINCT ON (needed.id) needed.*, place.id AS stock_id, place.free
    FROM needed JOIN place ON place.part_id = needed.part_id AND place.free >= needed.pieces
        AND (place.technician_id = needed.technician_id OR place.centre_id = needed.centre_id)
        AND place.id = coalesce(needed.only_stock_id, place.id) -- because what an order has of a part lies in one place
    ORDER BY needed.id, place.technician_id NULLS LAST
), given AS (
    SELECT * FROM (
        SELECT choice.*, sum(pieces) OVER (PARTITION BY stock_id ORDER BY order_id, id) AS so_far FROM choice
    ) AS counted WHERE so_far <= free
), taken AS (
    UPDATE maintenance_stock stock SET reserved = stock.reserved + given.pieces
    FROM (SELECT stock_id, sum(pieces) AS pieces FROM given GROUP BY stock_id) AS given WHERE stock.id = given.stock_id
), movement AS (
    INSERT INTO maintenance_stockmovement (stock_id, order_id, kind, pieces, at, by_id, note)
    SELECT stock_id, order_id, 'reserve', pieces, %(at)s, %(by)s, '' FROM given
)
UPDATE maintenance_orderpart need SET reserved = need.reserved + given.pieces, stock_id = given.stock_id
FROM given WHERE need.id = given.id RETURNING need.order_id
"""
# `take` is what happens to what was reserved: used and gone, or back on the shelf.
_SETTLE = """
WITH settled AS (
    SELECT id, order_id, stock_id, reserved FROM maintenance_orderpart
    WHERE order_id = ANY(%(orders)s) AND (reserved > 0 OR NOT %(used)s)
        AND (%(needs)s::bigint[] IS NULL OR id = ANY(%(needs)s))
    ORDER BY id FOR UPDATE
), shelf AS (
    UPDATE maintenance_stock stock SET reserved = stock.reserved - settled.pieces,
        quantity = stock.quantity - CASE WHEN %(used)s THEN settled.pieces ELSE 0 END
    FROM (SELECT stock_id, sum(reserved) AS pieces FROM settled WHERE reserved > 0 GROUP BY stock_id) AS settled
    WHERE stock.id = settled.stock_id
), movement AS (
    INSERT INTO maintenance_stockmovement (stock_id, order_id, kind, pieces, at, by_id, note)
    SELECT stock_id, order_id, CASE WHEN %(used)s THEN 'consume' ELSE 'release' END, reserved, %(at)s, %(by)s, ''
    FROM settled WHERE reserved > 0
)
UPDATE maintenance_orderpart need SET used = need.used + CASE WHEN %(used)s THEN settled.reserved ELSE 0 END,
    reserved = 0, proposed = CASE WHEN %(used)s THEN need.proposed ELSE need.used END
FROM settled WHERE need.id = settled.id RETURNING need.order_id
"""
_RECEIVE = """
WITH stock AS (
    UPDATE maintenance_stock SET quantity = quantity + %(pieces)s WHERE id = %(stock)s RETURNING id
)
INSERT INTO maintenance_stockmovement (stock_id, order_id, kind, pieces, at, by_id, note)
SELECT id, NULL, 'receive', %(pieces)s, %(at)s, %(by)s, %(note)s FROM stock
"""


class Part(models.Model):
    """A kind of spare part; `name` is the word that root causes use for it."""

    number = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=100, unique=True)
    unit_cost = models.DecimalField(max_digits=9, decimal_places=2, default=0)
    reorder_point = models.PositiveIntegerField(
        default=1, validators=[MaxValueValidator(10_000)], help_text="A centre that has fewer needs a delivery."
    )

    class Meta:
        ordering = ["number"]
        constraints = [models.CheckConstraint(name="part_cost_not_negative", condition=Q(unit_cost__gte=0))]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"


class StockQuerySet(models.QuerySet):
    def below_reorder_point(self):
        """What a service centre has too little of; vans are filled from it."""
        return self.filter(centre__isnull=False, quantity__lt=F("part__reorder_point") + F("reserved"))

    def reserve(self, order_ids: list[int], at: datetime, by=None) -> list[int]:
        """Put aside what these orders need and have not, in the technician's van or centre; orders that got something.

        One statement; of two who want the last piece at the same moment one gets it.
        """
        return self._settled(_RESERVE, {"orders": list(order_ids), "at": at, "by": by and by.pk})

    def consume(self, order_ids: list[int], at: datetime, by=None, needs: list[int] | None = None) -> list[int]:
        """What was put aside for these orders (for these OrderParts; None: all) has been used; each piece once."""
        values = {"orders": list(order_ids), "needs": needs, "used": True, "at": at, "by": by and by.pk}
        return self._settled(_SETTLE, values)

    def release(self, order_ids: list[int], at: datetime, by=None, needs: list[int] | None = None) -> list[int]:
        """What was put aside for these orders (for these OrderParts; None: all) goes back; they need it no more."""
        values = {"orders": list(order_ids), "needs": needs, "used": False, "at": at, "by": by and by.pk}
        return self._settled(_SETTLE, values)

    def _settled(self, statement: str, values: dict) -> list[int]:
        if not values["orders"]:
            return []
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            return sorted({row[0] for row in cursor.fetchall()})


class Stock(models.Model):
    """How many pieces of a part lie in one place: a service centre, or a technician's van."""

    part = models.ForeignKey(Part, models.PROTECT, related_name="stock")
    centre = models.ForeignKey("maintenance.ServiceCentre", models.PROTECT, null=True, blank=True, related_name="stock")
    technician = models.ForeignKey(
        "maintenance.Technician", models.PROTECT, null=True, blank=True, related_name="van", verbose_name="van of"
    )
    quantity = models.IntegerField(default=0)
    reserved = models.IntegerField(default=0, editable=False)

    objects = StockQuerySet.as_manager()

    class Meta:
        ordering = ["part", "centre", "technician"]
        verbose_name_plural = "stock"
        constraints = [
            models.UniqueConstraint(
                fields=["part", "centre", "technician"], nulls_distinct=False, name="stock_once_per_part_and_place"
            ),
            models.CheckConstraint(
                name="stock_reserved_within_quantity", condition=Q(reserved__gte=0, reserved__lte=F("quantity"))
            ),
            models.CheckConstraint(
                name="stock_in_a_centre_or_a_van",
                condition=Q(centre__isnull=True, technician__isnull=False)
                | Q(centre__isnull=False, technician__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} in {self.place}"

    @property
    def free(self) -> int:
        """Pieces that nobody has put aside."""
        return self.quantity - self.reserved

    @property
    def place(self) -> str:
        return str(self.centre) if self.centre_id else f"the van of {self.technician}"

    def receive(self, pieces: int, at: datetime, by=None, note: str = "") -> None:
        """A delivery, or with a negative number what a count found missing; a row says so."""
        with connection.cursor() as cursor:
            values = {"stock": self.pk, "pieces": pieces, "at": at, "by": by and by.pk, "note": note[:200]}
            cursor.execute(_RECEIVE, values)
        self.refresh_from_db()


class StockMovement(models.Model):
    """One change of what lies in a place, or of what is put aside there."""

    class Kind(models.TextChoices):
        RECEIVE = "receive", "Received"
        RESERVE = "reserve", "Put aside"
        RELEASE = "release", "Put back"
        CONSUME = "consume", "Used"

    stock = models.ForeignKey(Stock, models.CASCADE, related_name="movements")
    order = models.ForeignKey(
        "maintenance.WorkOrder", models.SET_NULL, null=True, blank=True, related_name="stock_movements"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    pieces = models.IntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the loop."
    )
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pieces}"


class OrderPart(models.Model):
    """What an order needs of a part: proposed by its cause or a person, put aside, and used."""

    order = models.ForeignKey("maintenance.WorkOrder", models.CASCADE, related_name="parts")
    part = models.ForeignKey(Part, models.PROTECT, related_name="needs")
    proposed = models.IntegerField(default=1)
    reserved = models.IntegerField(default=0, editable=False)
    used = models.IntegerField(default=0, editable=False)
    by_cause = models.BooleanField(default=False, help_text="Proposed by the root cause, not by a person.")
    stock = models.ForeignKey(Stock, models.PROTECT, null=True, blank=True, related_name="+", editable=False)

    class Meta:
        ordering = ["order", "part"]
        constraints = [
            models.UniqueConstraint(fields=["order", "part"], name="order_part_once"),
            models.CheckConstraint(
                name="order_part_not_negative", condition=Q(proposed__gte=0, reserved__gte=0, used__gte=0)
            ),
            models.CheckConstraint(
                name="order_part_reserved_has_a_place", condition=Q(reserved=0) | Q(stock__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part} for {self.order_id}"


def part_name(cause: str) -> str:
    """The name of the part that a root cause takes; "" where none is known."""
    repair = REPAIR_OF.get(cause)
    return repair.part if repair else ""
