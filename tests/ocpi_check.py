"""Run by the Python of an environment of its own: reads [[kind, object], ...] and says what py_ocpi thinks of each."""

import json
import sys

from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials
from py_ocpi.modules.locations.v_2_2_1.schemas import EVSE, Connector, Location
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session
from py_ocpi.modules.tariffs.v_2_2_1.schemas import Tariff
from py_ocpi.modules.versions.schemas import Endpoint

KINDS = {
    "cdr": Cdr, "connector": Connector, "credentials": Credentials, "endpoint": Endpoint, "evse": EVSE,
    "location": Location, "session": Session, "tariff": Tariff,
}  # fmt: skip

problems = []
for kind, value in json.load(sys.stdin):
    try:
        KINDS[kind](**value)
    except Exception as error:
        problems.append(f"{kind}: {error}")
json.dump(problems, sys.stdout)
