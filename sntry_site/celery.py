"""The Celery application, its two queues and its beat table."""

import gc
import os

from celery import Celery, Task, bootsteps
from celery.schedules import crontab
from celery.signals import task_prerun, worker_init

from .garbage import leave_out_what_is_loaded
from .request_ids import accepted, current, during

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sntry_site.settings")

REQUEST = "sntry_request"  # the header of a task that names the request which asked for it


class KnownTask(Task):
    """A task whose log lines carry its name and the id of the request that asked for it, else its own."""

    def __call__(self, *arguments, **named):
        asked = getattr(self.request, REQUEST, None)
        with during(request=accepted(asked or self.request.id), task=self.name):
            return self.run(*arguments, **named)


class KnowingCelery(Celery):
    """Sends the id of the request on with every task; beat's tasks have none."""

    def send_task(self, name, args=None, kwargs=None, headers=None, **options):
        known = {REQUEST: current()} if current() else {}
        return super().send_task(name, args, kwargs, headers={**known, **(headers or {})}, **options)


class ForgetLostConnections(bootsteps.StartStopStep):
    """Takes a lost broker out of a worker's event loop, where Kombu leaves it: a tenth of a megabyte each time."""

    requires = {"celery.worker.consumer.connection:Connection"}

    def start(self, consumer):
        """After the consumer has connected anew, and let go of what it had."""
        gc.collect()

    def stop(self, consumer):
        """Before the consumer connects anew, which puts what it looks at into the loop again."""
        if consumer.hub:
            lost = {each for each in consumer.hub.on_tick if each.__module__ == "kombu.transport.redis"}
            consumer.hub.on_tick.difference_update(lost)


@worker_init.connect
def keep_little(**_):
    """What a worker would keep for nothing, before its pool is forked.

    What is imported is left out of the collection of garbage, so that the children share it and collecting takes
    milliseconds. Ids of the last thousand tasks are kept by Celery for late acknowledgement, which is not used here.
    """
    from celery.worker import state  # of workers alone

    state.successful_requests.maxlen = 10
    task_prerun.connect(forget_the_last_failure)
    leave_out_what_is_loaded()


def forget_the_last_failure(**_):
    """Because one leaves half a megabyte of traceback in a circle, which Python by itself finds after many of them."""
    gc.collect()


app = KnowingCelery("sntry", task_cls=KnownTask)
app.steps["consumer"].add(ForgetLostConnections)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["stations", "maintenance", "sntry_site", "sntry_site.assistant"])

app.conf.beat_schedule = {
    # A tick that could not start before the next one is due is dropped: the next slot does its work.
    "tick": {"task": "sntry_site.tick", "schedule": 10.0, "options": {"expires": 10}},
    "deliver-outbox": {"task": "stations.deliver_outbox", "schedule": 10.0, "options": {"expires": 10}},
    "tell-partners": {"task": "sntry_site.tell_partners", "schedule": 10.0, "options": {"expires": 10}},
    "deliver-outside": {"task": "stations.deliver_outside", "schedule": 10.0, "options": {"expires": 10}},
    "push-ocpi": {"task": "sntry_site.push_ocpi", "schedule": 10.0, "options": {"expires": 10}},
    "redrive-jobs": {"task": "stations.redrive_jobs", "schedule": 30.0, "options": {"expires": 30}},
    "renew-pasts": {"task": "sntry_site.renew_pasts", "schedule": 300.0, "options": {"expires": 300}},
    "missing-notes": {"task": "maintenance.write_missing_notes", "schedule": 300.0, "options": {"expires": 300}},
    "thin-latest": {"task": "sntry_site.thin_latest", "schedule": crontab(minute="1,31"), "options": {"expires": 1500}},
    # Soon after midnight, because periods end with the last whole day.
    "prepare-reliability": {"task": "sntry_site.prepare_reliability", "schedule": crontab(hour=0, minute=25)},
    "nightly-dumps": {"task": "sntry_site.nightly_dumps", "schedule": crontab(hour=0, minute=40)},
    "retain": {"task": "sntry_site.retain", "schedule": crontab(hour=3, minute=20)},
}
