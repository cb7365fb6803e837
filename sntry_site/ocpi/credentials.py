"""The handshake: both sides tell each other their tokens and where they listen."""

import base64
import json
import re
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from stations.client_address import client_address
from stations.models import AuditEntry, OcpiConnection
from stations.outgoing import NotCalled, call, check_url

from .frame import Refused, address, body_of, check_version, enveloped, speaks, tokens_of
from .mapping import text

MOST_ENDPOINTS = 50


@speaks("GET", "POST", "PUT", "DELETE")
def credentials(request, connection, version: str):
    """Register, renew, look at or end a registration."""
    check_version(version)
    if request.method == "GET":
        return ours(request, connection, tokens_of(request.headers["Authorization"])[-1])
    is_registered = connection.registered_at is not None
    if (request.method == "POST") == is_registered:
        why = "You are registered; use PUT to renew." if is_registered else "You are not registered; use POST."
        raise Refused(2000, why, 405)
    if request.method == "DELETE":
        with transaction.atomic():
            connection.unregister()
            note(request, connection, "registration ended")
        return enveloped(None)
    token, url, roles = theirs(body_of(request))
    # Before the row is locked, because it takes calls to the other side.
    endpoints = receivers(token, url, version, f"partner:{connection.partner_id}")
    with transaction.atomic():
        locked = OcpiConnection.objects.select_for_update().get(pk=connection.pk)
        if locked.token_hash != connection.token_hash:
            raise Refused(2000, "Somebody else has registered with this token meanwhile.")
        new = locked.register(token, url, version, roles, endpoints, timezone.now())
        done = "registration renewed" if is_registered else "registered"
        note(request, locked, done, version=version, host=urlsplit(url).hostname)
    return ours(request, locked, new)


def note(request, connection: OcpiConnection, done: str, **details) -> None:
    """Keep in the audit log that tokens were changed; of addresses the host alone, because one may hold a secret."""
    address = client_address(request)
    AuditEntry.objects.note(f"OCPI {done}", by=connection, about=connection, address=address, **details)


def ours(request, connection: OcpiConnection, token: str) -> dict:
    """Our credentials with the token that they are to send; it is kept as a hash, so it is the one they have sent."""
    details = {"name": text(connection.partner.operator.name, 100)}
    role = {"role": "CPO", "business_details": details, "party_id": connection.party_id,
            "country_code": connection.country_code}  # fmt: skip
    return {"token": token, "url": address(request, "versions"), "roles": [role]}


def theirs(body: dict) -> tuple[str, str, list[dict]]:
    """Token, address and roles of what they have sent. Raises Refused (2001) for what is missing or wrong."""
    token, url, roles = body.get("token"), body.get("url"), body.get("roles")
    if not isinstance(token, str) or not re.fullmatch("[!-~]{1,64}", token):
        raise Refused(2001, "“token” must be 1 to 64 printable ASCII characters.")
    if not isinstance(url, str):
        raise Refused(2001, "“url” must be the address of your versions.")
    try:
        check_url(url)
    except NotCalled as error:
        raise Refused(2001, f"“url”: {error}") from None
    if not isinstance(roles, list) or not 1 <= len(roles) <= 20 or not all(_is_role(role) for role in roles):
        raise Refused(2001, "“roles” must hold role, party_id (3), country_code (2) and business_details of each role.")
    kept = [{"role": role["role"], "party_id": role["party_id"].upper(), "country_code": role["country_code"].upper(),
             "name": text(str(role.get("business_details", {}).get("name", "")), 100)} for role in roles]  # fmt: skip
    return token, url, kept


def _is_role(role) -> bool:
    shapes = {"role": "[A-Z]{2,10}", "party_id": "[A-Za-z0-9]{3}", "country_code": "[A-Za-z]{2}"}
    return (
        isinstance(role, dict)
        and isinstance(role.get("business_details", {}), dict)
        and all(isinstance(role.get(name), str) and re.fullmatch(shape, role[name]) for name, shape in shapes.items())
    )


def receivers(token: str, url: str, version: str, share: str) -> dict[str, str]:
    """Where the other side listens in this version: module -> address. Raises Refused (3001, 3002, 3003)."""
    known = fetch(url, token, share)
    if not isinstance(known, list):
        raise Refused(3001, "Your versions could not be read.")
    details = next((one.get("url") for one in known if isinstance(one, dict) and one.get("version") == version), None)
    if not isinstance(details, str):
        raise Refused(3002, f"Your versions do not name {version}.")
    found = fetch(details, token, share)
    endpoints = found.get("endpoints") if isinstance(found, dict) else None
    if not isinstance(endpoints, list):
        raise Refused(3003, f"Your details of {version} name no endpoints.")
    kept = {}
    for one in endpoints[:MOST_ENDPOINTS]:
        if isinstance(one, dict) and one.get("role") == "RECEIVER" and isinstance(one.get("url"), str):
            if not re.fullmatch("[a-z_]{1,36}", str(one.get("identifier"))):
                continue
            try:
                check_url(one["url"])
            except NotCalled:
                continue
            kept[one["identifier"]] = one["url"]
    return kept


def fetch(url: str, token: str, share: str):
    """The data of one of their answers. Raises Refused (3001)."""
    try:
        answer = call("GET", url, {"Authorization": authorization(token), "Accept": "application/json"}, share=share)
        body = json.loads(answer.body)
        data = body["data"] if answer.is_success else None
    except NotCalled as error:
        raise Refused(3001, f"Your side could not be called: {error}") from None
    except (ValueError, RecursionError, KeyError, TypeError):
        data = None
    if data is None:
        raise Refused(3001, "Your side did not answer with data in an envelope.")
    return data


def authorization(token: str) -> str:
    """The header as the protocol wants it."""
    return f"Token {base64.b64encode(token.encode()).decode()}"
