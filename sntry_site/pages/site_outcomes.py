"""What each button of a site would do now, said before anybody presses it."""

from datetime import datetime

import numpy as np

from maintenance.models import Technician, WorkOrder
from maintenance.models.parts import part_name
from maintenance.routing.estimate import road_km
from pricing.models import PriceChange
from stations.models import Site
from telemetry.models import Cause, ChargerState, SiteOverride, SiteState

from .. import interventions
from .money import price

MOST_NAMED = 3


def of_stress(site: Site, state: SiteState | None, at: datetime) -> str:
    """What *Stress* would do."""
    held = SiteOverride.objects.filter(site=site, starts_at__lte=at, ends_at__gt=at).order_by("-ends_at").first()
    if held:
        until = held.ends_at.astimezone(site.zone)
        return f"is on until {until:%H:%M %Z} (simulated); pressed again it lasts half an hour from now."
    load = "98 % load, 105 °F"
    if state:
        load = f"load {100 * state.utilization:.0f} % → 98 %, {state.temperature_f:.0f} °F → 105 °F"
    return f"simulated: {load}, wait 45 min, for at most 30 min. The risk will rise; a surge and an order may follow."


def of_heal(site: Site, state: SiteState | None, at: datetime) -> str:
    """What *Heal* would do."""
    done = []
    if SiteOverride.objects.filter(site=site, starts_at__lte=at, ends_at__gt=at).exists():
        done.append("ends the stress")
    broken = ChargerState.objects.faulted().filter(charger__site=site).count()
    if broken:
        done.append(f"repairs {broken} charger{'s' * (broken != 1)}")
    if state and PriceChange.objects.open_ones().filter(site=site).exists():
        back = f" {price(state.price)} → {price(site.base_price)}" if state.price != site.base_price else ""
        done.append(f"puts the price back{back}")
    orders = list(WorkOrder.objects.open().filter(site=site).order_by("pk"))
    if orders:
        done.append(f"ends {_named([order.number for order in orders])}")
    return f"{', '.join(done)}." if done else "there is nothing to heal here now; it only notes that you asked."


def of_dispatch(site: Site, at: datetime) -> str:
    """What *Dispatch* would do."""
    order = interventions.open_site_order(site)
    if order:
        who = f", with {order.technician.code}" if order.technician else ""
        return f"{order.number} is open already ({order.get_state_display().lower()}{who}): no second one is opened."
    wanted = interventions.wanted_at(site, at)
    opened = ["opens an urgent work order" if wanted.urgent else "opens a work order"]
    cause = Cause(wanted.cause)
    if cause != Cause.UNKNOWN:
        part = part_name(wanted.cause)
        opened.append(f"suspecting {cause.label.lower()}" + (f" (bring: {part})" if part else ""))
    opened.append(_who(site, wanted.skill, at))
    return f"{', '.join(opened)}."


def _who(site: Site, skill: str, at: datetime) -> str:
    if site.latitude is None:
        return "with nobody sent yet, because the site has no place on the map"
    here = np.array([site.latitude]), np.array([site.longitude])
    chosen = Technician.objects.nearest_to(*here, [skill], at, [site.operator_id])[0]
    if chosen is None:
        return "with nobody sent yet: no technician is within a day’s drive"
    person = Technician.objects.select_related("centre").get(pk=chosen)
    km = road_km(person.centre.latitude, person.centre.longitude, site.latitude, site.longitude)
    return f"sends {person.code}, about {km:.0f} km away by road (estimate)"


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
