"""Tells the database who asks when an entry of the audit log comes about: its triggers see rows, not requests."""

import re
from contextlib import nullcontext

from django.db import connection, transaction

from stations.client_address import client_address

from . import request_ids

# The tables whose triggers write entries, and that of the entries.
AUDITED = re.compile(
    "stations_auditentry|django_admin_log|stations_fleetevent|stations_job|maintenance_workorderchange|"
    "maintenance_incidentchange|pricing_pricechange|pricing_priceproposal"
)
# Until the end of the transaction, so that nothing is left for whoever gets the connection next.
TELL = "SELECT set_config('sntry.address', %s, true), set_config('sntry.request', %s, true)"
LONGEST = 45  # letters of an address, as the entry keeps it


class Whence:
    """Middleware: the entries that come about in a request have its address and its id; only they cost anything."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        told = [client_address(request).replace("\0", "")[:LONGEST], request_ids.current()]

        def tell_first(execute, sql, params, many, context):
            if sql.startswith("SELECT") or not AUDITED.search(sql):
                return execute(sql, params, many, context)
            with nullcontext() if connection.in_atomic_block else transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(TELL, told)
                return execute(sql, params, many, context)

        with connection.execute_wrapper(tell_first):
            return self.get_response(request)
