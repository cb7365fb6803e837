"""A worker's end of the broker, where Celery's own does not outlive the loss of Redis."""

from celery.worker.consumer import Consumer


class LastingConsumer(Consumer):
    """Leaves tasks that were not acknowledged where they are when Redis is lost.

    Kombu 5.7 closes a lost connection twice and puts those tasks back each time, the second time through a transport
    that it has let go of already: the worker ends with an AttributeError, and with it the tasks of its children. After
    the broker's `visibility_timeout` somebody else is given them in any case.
    """

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """As Celery does, without putting anything back."""
        if self.task_consumer:
            self.task_consumer.channel.do_restore = False
        super().on_connection_error_after_connected(exc)
