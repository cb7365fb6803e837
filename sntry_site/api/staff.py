"""What staff who are signed in may set going: a tick, stress and healing of simulated sites, training, and stops."""

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from pricing.decisions import end_stop, stop_prices
from pricing.models import PricingStop
from stations.clock import now as database_now
from stations.models import Operator, Site
from telemetry.loop_lock import one_at_a_time
from telemetry.model_pages import may_retrain, retrain

from .. import interventions, tasks
from .access import seen, seen_or_404
from .fields import Body, Id, Moment, Nothing, Row, Text, Whole, Word
from .maintenance import one_of
from .posting import Posted, made
from .problems import Problem
from .rows import Filter, Rows


class Done(serializers.Serializer):
    """What was done."""

    done = serializers.CharField()


class Tick(Posted):
    """Do the work of this ten-second slot now, unless it is done."""

    body, row, statuses, staff = Nothing, Done, (200,), {"POST": "telemetry.add_siteoverride"}
    is_audited = False

    def send(self, request):
        """200, also when somebody was faster."""
        self.sent(request)
        tick = tasks.tick(database_now())
        return made({"done": f"{tick}: {tick.sites} sites" if tick else "this slot was done already"}, 200)


class OfSite(Body):
    site = Id()


class Stress(Posted):
    """Hold a simulated site under stress, at most half an hour."""

    body, row, statuses, staff = OfSite, Done, (200,), {"POST": "telemetry.add_siteoverride"}

    def send(self, request):
        """200; 409 if the site is a real one."""
        site = self.simulated_site(request)
        interventions.stress_site(site, request.user, timezone.now())
        return made({"done": f"{site.external_id} is held under stress (simulated)"}, 200)

    def simulated_site(self, request) -> Site:
        """The site of the body, if it may be played with."""
        rows = seen(Site, request.user).select_related("operator")
        site = seen_or_404(rows, request.user, external_id=self.sent(request)["site"])
        if not site.operator.is_simulated:
            raise Problem(409, "This is a real site: only a simulated one can be stressed and healed.")
        return site


class Heal(Stress):
    """End the stress of a simulated site, repair its chargers and end its orders."""

    def send(self, request):
        """200; 409 if the site is a real one."""
        site = self.simulated_site(request)
        interventions.heal_site(site, request.user, timezone.now())
        return made({"done": f"{site.external_id} is healed"}, 200)


class Retrain(Posted):
    """Train the risk models anew; one training at a time."""

    body, row, statuses, limit_class = Nothing, Done, (202,), "heavy"
    staff = {"POST": "stations.add_job"}

    def send(self, request):
        """202: a job does it, or the one that waits or runs already."""
        self.sent(request)
        if not may_retrain(request.user):
            raise PermissionDenied("The models are of all operators, so that it takes a member of each to train them.")
        job, is_new = retrain(request.user)
        return made({"done": f"job {job.pk} {'was queued' if is_new else f'is {job.state} already'}"}, 202)


class StopRow(Row):
    id = Whole(source="pk")
    operator = Text(source="operator.name", allow_null=True, help_text="Null: the whole network.")
    why = Word(PricingStop.Why.choices)
    note = Text()
    starts_at = Moment()
    ends_at = Moment(allow_null=True, help_text="Null: it is in force.")


class StopIn(Body):
    """From now on no policy touches the prices of an operator; everything goes back to base."""

    operator = Text(max_length=100)
    why = Word(PricingStop.Why.choices)
    note = Text(required=False, allow_blank=True)


class Stops(Rows, Posted):
    """The switches of price policies; POST switches them off for an operator."""

    row, body = StopRow, StopIn
    filters = {"why": Filter("why", Word(PricingStop.Why.choices))}
    staff = {"GET": "pricing.view_pricingstop", "POST": "pricing.add_pricingstop"}

    def rows(self, request):
        return seen(PricingStop, request.user)

    def send(self, request):
        """201 with the switch; 409 if it is off for this reason already."""
        sent = self.sent(request)
        operator = seen_or_404(Operator, request.user, name=sent["operator"])
        one_at_a_time()
        if PricingStop.objects.filter(operator=operator, why=sent["why"], ends_at=None).exists():
            raise Problem(409, f"The policies of {operator} are off for this reason already; end that first.")
        stop = PricingStop(operator=operator, why=sent["why"], note=sent.get("note", ""), by=request.user)
        stop_prices(stop, timezone.now())
        return made(one_of(PricingStop, StopRow, stop.pk))


class EndStop(Posted):
    """Let policies act again."""

    body, row, statuses, staff = Nothing, StopRow, (200,), {"POST": "pricing.change_pricingstop"}

    def send(self, request, id):
        """200 with the switch; 409 if it has ended, or is of the whole network and not the caller's to end."""
        self.sent(request)
        stop = seen_or_404(PricingStop, request.user, pk=id)
        if stop.operator_id is None and not request.user.is_superuser:
            raise Problem(409, "A stop of the whole network is ended by a superuser only.")
        if stop.ends_at is not None and stop.ends_at <= timezone.now():
            raise Problem(409, "It has ended already.")
        end_stop(stop, request.user, timezone.now())
        return made(one_of(PricingStop, StopRow, stop.pk), 200)
