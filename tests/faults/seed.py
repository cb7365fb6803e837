"""What the world of the harness consists of; runs inside its clone."""

import os
import secrets


def main(wishes: dict) -> dict:
    """Migrate and fill; returns what the harness has to know: keys, cookies, ids."""
    import django

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    django.setup()
    from django.core.management import call_command

    from stations.access import sync_roles

    call_command("migrate", verbosity=0, interactive=False)
    sync_roles()
    return {**people(wishes.get("people", 0)), **simulated(wishes.get("sites", 10)), **real(wishes), **quiet()}


def simulated(sites: int) -> dict:
    """A simulated network, which the ticks move."""
    from django.utils import timezone

    from maintenance.models import Technician
    from stations.models import Operator
    from tests import fleet

    operator = Operator.objects.create(name="Northline Charging", is_simulated=True)
    found = [
        fleet.live_site(operator, number + 1, latitude=30.2 + number / 100, longitude=-97.7 - number / 90)
        for number in range(sites)
    ]
    boss = Technician.objects.get(code="BOSS")
    for site in found[: sites // 2]:
        fleet.work_order(site, opened_at=timezone.now(), technician=boss, state="assigned")
    return {"sites": [site.external_id for site in found], "site_ids": [site.pk for site in found]}


def real(wishes: dict) -> dict:
    """An operator whose chargers report by the API, with a partner and its webhook."""
    from stations.models import Operator
    from tests import fleet

    operator = Operator.objects.create(name="Bluebolt", heartbeat_seconds=wishes.get("heartbeat"))
    chargers = []
    for number in range(wishes.get("real_sites", 5)):
        here = fleet.site(operator, number + 1)
        chargers += [fleet.charger(here, port + 1).external_id for port in range(4)]
    key, text = fleet.partner(operator)
    if wishes.get("webhook"):
        fleet.webhook(key.partner, url=wishes["webhook"])
    return {"chargers": chargers, "key": text, "operator": operator.pk}


def quiet() -> dict:
    """An operator of which nobody else reports anything, and whose silence means nothing."""
    from stations.models import Operator
    from tests import fleet

    operator = Operator.objects.create(name="Quietvolt")
    here = fleet.site(operator, 1)
    chargers = [fleet.charger(here, number + 1).external_id for number in range(12)]
    return {"quiet": chargers, "quiet_key": fleet.partner(operator)[1]}


def people(more: int) -> dict:
    """Somebody who may see everything and works as a technician, too, and the cookie of a session."""
    from django.contrib.auth.models import User
    from django.test import Client

    from maintenance.models import ServiceCentre, Technician

    boss = User.objects.create_superuser("boss", password=secrets.token_urlsafe(12))
    centre = ServiceCentre.objects.create(name="Depot", latitude=30.27, longitude=-97.74)
    Technician.objects.create(code="BOSS", centre=centre, user=boss)
    client = Client()
    client.force_login(boss)
    return {"cookie": client.cookies["sessionid"].value, "cookies": [viewer(number) for number in range(more)]}


def viewer(number: int) -> str:
    """The cookie of one more person who may see everything."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.create(username=f"viewer{number}", is_staff=True, is_superuser=True))
    return client.cookies["sessionid"].value
