"""The demo network's service centres, technicians and spare parts."""

from datetime import time

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from maintenance.models import Part, ServiceCentre, Stock, StockMovement, Technician
from stations.models import Site
from telemetry.risk.taxonomy import REPAIRS
from telemetry.simulation.network import METROS

CITIES = {  # code of its technicians, time zone
    "Los Angeles": ("LAX", "America/Los_Angeles"), "San Francisco": ("SFO", "America/Los_Angeles"),
    "San Diego": ("SAN", "America/Los_Angeles"), "New York": ("NYC", "America/New_York"),
    "Seattle": ("SEA", "America/Los_Angeles"), "Portland": ("PDX", "America/Los_Angeles"),
    "Austin": ("AUS", "America/Chicago"), "Boston": ("BOS", "America/New_York"),
    "Phoenix": ("PHX", "America/Phoenix"), "Denver": ("DEN", "America/Denver"),
    "Chicago": ("CHI", "America/Chicago"), "Minneapolis": ("MSP", "America/Chicago"),
    "Atlanta": ("ATL", "America/New_York"), "Miami": ("MIA", "America/New_York"),
    "Las Vegas": ("LAS", "America/Los_Angeles"),
}  # fmt: skip
SIDES = (("north", 0.07), ("south", -0.07))  # degrees of latitude from the middle of the city
DEMO_TECHNICIAN = "SEA-2"
# Of each side's two technicians: skills, shift, whether he or she works at weekends. Together a side can do nearly all.
PEOPLE = {
    "north": (
        (["hv", "mechanical"], time(6), time(14), True),
        (["it", "electronics", "certified"], time(8), time(16, 30), False),
    ),
    "south": (
        (["hv", "electronics"], time(14), time(22), True),
        (["it", "mechanical", "certified"], time(8), time(16, 30), False),
    ),
}
# Part number, what one costs in USD, below how many a centre needs a delivery, how many it has; assumptions.
PARTS = {
    "modem": ("COM-100", 180, 2, 5), "controller board": ("ELE-210", 620, 2, 4), "card reader": ("PAY-110", 340, 2, 5),
    "screen": ("HMI-120", 480, 1, 3), "GFCI board": ("ELE-230", 260, 2, 4), "cable assembly": ("CAB-400", 1450, 2, 4),
    "latch actuator": ("CAB-420", 95, 2, 6), "contactor": ("PWR-310", 210, 2, 4),
    "rectifier module": ("PWR-330", 2900, 1, 3), "fan and filter": ("COO-510", 140, 3, 8),
    "breaker": ("PWR-350", 190, 1, 3), "meter": ("MET-610", 390, 1, 2),
}  # fmt: skip


@transaction.atomic
def create_service_centres() -> None:
    """Two service centres with two technicians each in every metro, unless there is one anywhere."""
    if ServiceCentre.objects.exists():
        return
    for city, _, latitude, longitude, *_ in METROS:
        code, zone = CITIES[city]
        people = []
        for side, north in SIDES:
            centre = ServiceCentre.objects.create(
                name=f"{city} {side} service centre",
                city=city,
                latitude=latitude + north,
                longitude=longitude,
                time_zone=zone,
            )
            people += [(centre, *person) for person in PEOPLE[side]]
        Technician.objects.bulk_create(
            Technician(
                code=f"{code}-{number}",
                centre=centre,
                region=city,
                skills=skills,
                shift_start=begins,
                shift_end=ends,
                works_weekends=weekends,
            )
            for number, (centre, skills, begins, ends, weekends) in enumerate(people, 1)
        )
    user = get_user_model().objects.filter(username="technician").first()
    if user:
        Technician.objects.filter(code=DEMO_TECHNICIAN).update(user=user)


@transaction.atomic
def create_parts() -> None:
    """The spare parts that root causes take, on the shelves of all centres and in all vans, unless there is any."""
    if Part.objects.exists():
        return
    Part.objects.bulk_create(
        Part(number=number, name=name, unit_cost=cost, reorder_point=least)
        for name, (number, cost, least, _) in PARTS.items()
    )
    parts, skill_of = list(Part.objects.all()), {repair.part: repair.skill for repair in REPAIRS}
    shelves = [
        Stock(part=part, centre=centre, quantity=PARTS[part.name][3])
        for centre in ServiceCentre.objects.all()
        for part in parts
    ]
    vans = [
        Stock(part=part, technician=person, quantity=1)
        for person in Technician.objects.all()
        for part in parts
        if person.can(skill_of[part.name]) and part.unit_cost < 1000
    ]
    now = timezone.now()
    StockMovement.objects.bulk_create(
        StockMovement(stock=stock, kind="receive", pieces=stock.quantity, at=now, note="first stock")
        for stock in Stock.objects.bulk_create(shelves + vans)
    )


def set_time_zones() -> None:
    """Give the simulated sites of the demo's cities the time zone of their city, where they have none."""
    for zone in sorted({zone for _, zone in CITIES.values()}):
        cities = [city for city, (_, its) in CITIES.items() if its == zone]
        Site.objects.filter(operator__is_simulated=True, city__in=cities, time_zone="").update(time_zone=zone)
