"""POST that may be sent twice and counts once, by `Idempotency-Key`."""

import hashlib
import re

from django.db import transaction
from django.http import HttpResponse, RawPostDataException
from django.utils import timezone
from rest_framework.exceptions import UnsupportedMediaType

from stations import sealing
from stations.client_address import client_address
from stations.models import AnsweredRequest, AuditEntry

from .bodies import dumps
from .fields import Body
from .problems import Problem, handle
from .requests import Endpoint
from .rows import refuse_parameters

MOST_KEPT = 1000  # characters of a body, in the audit log
KEY = re.compile("[!-~]{1,200}")


class Posted(Endpoint):
    """POST; a subclass does the work in `send`. With an Idempotency-Key the work and its answer are stored together."""

    body: type[Body] | None = None
    is_audited = True
    keeps_secret = False  # whether the answer holds a secret, which is then kept sealed for those who ask again

    def send(self, request, **ids) -> HttpResponse:
        """Do what is asked for."""
        raise NotImplementedError

    def post(self, request, **ids) -> HttpResponse:
        """The same answer to the same key for 24 hours; 409 while it is worked on, 422 if the body is another one."""
        refuse_parameters(request)
        key = request.headers.get("Idempotency-Key")
        if key is None:
            with transaction.atomic():
                return self._send(request, ids)
        if not KEY.fullmatch(key):
            raise Problem(400, "An Idempotency-Key has 1 to 200 visible ASCII characters.")
        row, is_mine = AnsweredRequest.objects.claim(self._caller(request), key, _hash(request), timezone.now())
        return self._once(request, row, ids) if is_mine else self._again(request, row)

    def _caller(self, request) -> str:
        """For whom an answer is kept; one with a secret for the very key, because another one may read less."""
        if request.auth is None:
            return f"user:{request.user.pk}"
        return f"key:{request.auth.pk}" if self.keeps_secret else f"partner:{request.auth.partner_id}"

    def _send(self, request, ids: dict) -> HttpResponse:
        response = self.send(request, **ids)
        if self.is_audited:
            note_call(request)
        return response

    def _once(self, request, row: AnsweredRequest, ids: dict) -> HttpResponse:
        response = None
        try:
            with transaction.atomic():
                if AnsweredRequest.objects.hold(row):
                    response = self._send(request, ids)
                    self._keep(row, response)
        except Exception as error:
            response = handle(error, {"view": self, "request": request})
            if response.status_code >= 500 or response.status_code == 429:
                AnsweredRequest.objects.drop_unanswered(row)  # it may be sent again
            else:
                self._keep(row, response)
        # Without an answer somebody else has taken the key over, whose answer is not overwritten with ours.
        return self._again(request, row) if response is None else response

    def _keep(self, row: AnsweredRequest, response: HttpResponse) -> None:
        row.status, row.content_type, row.body = response.status_code, response["Content-Type"], response.content
        if self.keeps_secret:
            row.body = sealing.sealed(response.content.decode()).encode()
        row.save(update_fields=["status", "content_type", "body"])

    def _again(self, request, row: AnsweredRequest) -> HttpResponse:
        if row.request_hash != _hash(request):
            raise Problem(422, "This Idempotency-Key was used for another request; take a new one.")
        if row.status is None:
            detail = "The first request with this Idempotency-Key is still being worked on."
            raise Problem(409, detail, headers={"Retry-After": "2"})
        body, headers = bytes(row.body), {"Idempotency-Replayed": "true"}
        if self.keeps_secret:
            body = sealing.opened(body.decode()).encode()
        return HttpResponse(body, content_type=row.content_type, status=row.status, headers=headers)

    def sent(self, request) -> dict:
        """The body, checked."""
        body = self.body(data=request.data)
        body.is_valid(raise_exception=True)
        return body.validated_data


def note_call(request) -> None:
    """Keep in the audit log who changed something by the API, and what was sent."""
    sent = dumps(request.data).decode()[:MOST_KEPT]
    address = client_address(request)
    AuditEntry.objects.note(f"API {request.method}", by=request.user, name=request.path, address=address, sent=sent)


def made(values: dict, status: int = 201) -> HttpResponse:
    """The answer to a POST."""
    return HttpResponse(dumps(values), content_type="application/json", status=status)


def _hash(request) -> str:
    told = f"{request.method} {request.path}\n".encode()
    try:
        return hashlib.sha256(told + request._request.body).hexdigest()
    except RawPostDataException:  # the check for CSRF has read it, because it came as a form
        raise UnsupportedMediaType(request.content_type) from None
