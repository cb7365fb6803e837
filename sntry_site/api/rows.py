"""Pages of rows and single rows, straight from columns to JSON: no object is made of a row on the way."""

import base64
import hashlib
import zlib
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_etags
from psycopg.adapt import Loader
from psycopg.types.string import TextLoader
from rest_framework import serializers

from stations.feeds import settled

from .bodies import dumps
from .fields import Row, Whole, Words
from .problems import Problem
from .requests import Endpoint

MOST, USUAL = 1000, 100
PACKED_FROM = 1500  # bytes; a smaller answer does not get smaller
OWN_PARAMETERS = ("fields", "order", "limit", "cursor")


LAST = Whole()


def _conflict(name: str, message: str):
    raise Problem(409, message, [{"path": f"/{name}", "message": message}])


@dataclass(frozen=True)
class Filter:
    """One parameter of a list: the lookup that it becomes, and what its value may be.

    `needs` names the filters of which one must be there too, because alone it would search through everything.
    """

    path: str
    field: serializers.Field
    needs: tuple[str, ...] = ()
    about: str = ""

    def told(self) -> str:
        """What the contract says of it."""
        return " ".join(filter(None, [self.about, self.needs and f"Only with {' or '.join(self.needs)}."]))


@dataclass
class Asked:
    """What a list was asked for."""

    names: list[str]
    filters: dict[str, object]
    order: str
    limit: int
    after: tuple | None = None


class Time(Loader):
    """A time as the answer shows it: made of the database's own text, because a datetime between costs four times that.

    The connection's zone is UTC.
    """

    def load(self, data) -> str:
        text = str(data, "ascii")
        if text[-3:] != "+00":
            raise ValueError(f"the database says {text} and is not in UTC")
        return f"{text[:10]}T{text[11:-3]}Z"


AS_TEXT = {"timestamptz": Time, "numeric": TextLoader}


class Rows(Endpoint):
    """GET a page of rows. A subclass says `row`, `filters`, `orders` (names of fields, the first is the usual one)."""

    row: type[Row]
    filters: dict[str, Filter] = {}
    has_pages = True
    orders: tuple[str, ...] = ("id",)
    all_orders: tuple[str, ...] = ()  # with those that only some filters allow
    key = "pk"  # what makes the order of rows with the same value certain
    feeds: tuple[str, ...] = ()  # orders of numbers that are given out when a row is written; see `stations.feeds`

    def rows(self, request) -> QuerySet:
        """The rows that exist for the caller."""
        raise NotImplementedError

    def get(self, request) -> HttpResponse:
        """A page of rows in the order asked for; `next` is the address of the following page, or null."""
        asked = self.asked(request.query_params)
        found = select(self.page_of(self.rows(request), asked), self.row, asked.names, self._hidden(asked))
        has_more, found = len(found) > asked.limit, found[: asked.limit]
        following = self._next(request, asked, found[-1]) if has_more else None
        body = b'{"results":' + dumps(in_words(found, self.row, asked.names))
        return answer(request, body + b',"next":' + orjson.dumps(following) + b"}")

    def _hidden(self, asked: Asked) -> list[str]:
        return [path_of(self.row, asked.order.removeprefix("-")), self.key]

    def page_of(self, rows: QuerySet, asked: Asked) -> QuerySet:
        """One row more than asked for, so that it shows whether there are more."""
        for name, value in asked.filters.items():
            rows = rows.filter(**{self.filters[name].path: value})
        sign = "-" if asked.order.startswith("-") else ""
        path = path_of(self.row, asked.order.removeprefix("-"))
        if asked.order.removeprefix("-") in self.feeds:
            rows = rows.filter(**{f"{path}__lte": settled(rows.model, "id" if path == "pk" else path)})
        if asked.after:
            beyond = "lt" if sign else "gt"
            value, last = asked.after
            later = Q(**{f"{path}__{beyond}": value}) | Q(**{f"{self.key}__{beyond}": last})
            rows = rows.filter(later, **{f"{path}__{beyond}e": value})
        order = [f"{sign}{path}"] if path == self.key else [f"{sign}{path}", f"{sign}{self.key}"]
        return rows.order_by(*order)[: asked.limit + 1]

    def asked(self, parameters: MultiValueDict) -> Asked:
        """The parameters, checked; whatever is not known or not right is named in a Problem."""
        errors: dict[str, list] = {}
        for name in parameters:
            if name not in self.filters and name not in OWN_PARAMETERS:
                errors[name] = [f"There is no such parameter; known are {', '.join([*self.filters, *OWN_PARAMETERS])}."]
            elif len(parameters.getlist(name)) > 1:
                errors[name] = ["Give it once; several values go with commas between them, where they are taken."]
        values = {}
        for name in [name for name in self.filters if name in parameters and name not in errors]:
            try:
                values[name] = self.filters[name].field.run_validation(parameters[name])
            except serializers.ValidationError as error:
                errors[name] = error.detail
        own = self._own(parameters, values, errors)
        if errors:
            raise serializers.ValidationError(errors)
        for name in values:
            needs = self.filters[name].needs
            if needs and not set(needs) & set(values):
                _conflict(name, f"Give {' or '.join(needs)} with {name}, because alone it takes too long.")
        order, narrows = own.order.removeprefix("-"), ["charger", "site"]
        if order == "change":
            narrows.append("changed_after")
        if order not in self.orders and not set(narrows) & set(values):
            _conflict("order", f"Give {' or '.join(narrows)} with the order {order}, because alone it takes too long.")
        own.after = self._after(parameters.get("cursor"), own.order)
        return own

    def _own(self, parameters, values: dict, errors: dict) -> Asked | None:
        known = row_fields(self.row)
        names = parameters["fields"].split(",") if "fields" in parameters else list(known)
        if not set(names) <= set(known):
            errors["fields"] = [f"Choose from {', '.join(known)}."]
        order = parameters.get("order", self.orders[0])
        known_orders = self.all_orders or self.orders
        if order.removeprefix("-") not in known_orders:
            errors["order"] = [f"Choose from {', '.join(known_orders)}, with - before it for the other way."]
        limit = parameters.get("limit", str(USUAL))
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 10 and 1 <= int(limit) <= MOST):
            errors["limit"] = [f"A whole number from 1 to {MOST}."]
        if {"fields", "order", "limit"} & set(errors):
            return None
        return Asked(list(dict.fromkeys(names)), values, order, int(limit))

    def _after(self, cursor: str | None, order: str) -> tuple | None:
        """The place from which a page begins: the value of the order in the last row, and that row's key."""
        if cursor is None:
            return None
        try:
            made_for, value, last = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
            if made_for != order:
                raise ValueError(order)
            return row_fields(self.row)[order.removeprefix("-")].run_validation(value), LAST.run_validation(last)
        except (ValueError, TypeError, serializers.ValidationError):
            _conflict("cursor", "This is no cursor of this list in this order; begin again without it.")

    def _next(self, request, asked: Asked, last: tuple) -> str:
        place = base64.urlsafe_b64encode(dumps([asked.order, *last[len(asked.names) :]])).decode()
        return with_parameters(request, cursor=place)


class One(Endpoint):
    """GET one row by its id."""

    row: type[Row]
    path = "external_id"  # of the id in the address
    unseen: tuple[str, ...] = ()  # columns that can be changed but are not shown: they count for the version

    def rows(self, request) -> QuerySet:
        """The rows that exist for the caller."""
        raise NotImplementedError

    def get(self, request, id) -> HttpResponse:
        """The row, with its version as an ETag."""
        refuse_parameters(request)
        return self.versioned(request, id)

    def versioned(self, request, id) -> HttpResponse:
        """The answer with the row and its version."""
        body = dumps(self.found(request, id))
        unseen = self.rows(request).filter(**{self.path: id}).values_list(*self.unseen).first() if self.unseen else None
        return answer(request, body, is_version=True, unseen=dumps(unseen) if unseen else b"")

    def found(self, request, id) -> dict:
        """The row as it is shown; a Problem if there is none for the caller."""
        names = list(row_fields(self.row))
        rows = select(self.rows(request).filter(**{self.path: id})[:1], self.row, names)
        if not rows:
            raise Problem(404, "There is nothing by this id, or it is not yours to see.")
        return in_words(rows, self.row, names)[0]


def with_parameters(request, **changed: str) -> str:
    """The address that was asked for, with some parameters changed."""
    query = {**request.query_params.dict(), **changed}
    return request.build_absolute_uri(f"{request.path}?{urlencode(query, safe=',:')}")


def refuse_parameters(request) -> None:
    """An address that takes no parameters has none."""
    if request.query_params:
        errors = {name: ["There is no such parameter here."] for name in request.query_params}
        raise serializers.ValidationError(errors)


_known_fields: dict[type, dict[str, serializers.Field]] = {}


def row_fields(row: type[Row]) -> dict[str, serializers.Field]:
    """The fields of a kind of row, by name, made once."""
    if row not in _known_fields:
        _known_fields[row] = dict(row().fields)
    return _known_fields[row]


def path_of(row: type[Row], name: str) -> str:
    """The column of a field, as Django's lookups write it."""
    return row_fields(row)[name].source.replace(".", "__")


def select(rows: QuerySet, row: type[Row], names: list[str], hidden: list[str] = ()) -> list[tuple]:
    """The columns of these fields, and of the `hidden` paths behind them, as tuples."""
    columns = rows.values_list(*[path_of(row, name) for name in names], *hidden)
    statement, parameters = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        for kind, loader in AS_TEXT.items():
            cursor.cursor.adapters.register_loader(kind, loader)
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def in_words(found: list[tuple], row: type[Row], names: list[str]) -> list[dict]:
    """Tuples as objects, numbers that stand for words as those words."""
    shown = [dict(zip(names, values, strict=False)) for values in found]
    for name in names:
        show = getattr(row_fields(row)[name], "show", None)
        if show:
            for each in shown:
                each[name] = show(each[name])
    return shown


def answer(request, body: bytes, status: int = 200, is_version: bool = False, unseen: bytes = b"") -> HttpResponse:
    """A JSON answer with its ETag, packed for those who take it so, and empty for those who have it already.

    `unseen` counts for the ETag; it is hashed with a key, because a short text could be guessed from a bare hash.
    """
    key = settings.SECRET_KEY.encode()[:64] if unseen else b""
    tag = f'"{hashlib.blake2b(body + unseen, digest_size=12, key=key).hexdigest()}"'
    headers = {"ETag": tag if is_version else f"W/{tag}", "Vary": "Accept-Encoding, Authorization, Cookie"}
    if request.method in ("GET", "HEAD") and is_about(request.headers.get("If-None-Match", ""), tag, weakly=True):
        return HttpResponse(status=304, headers=headers)
    if not is_version and len(body) > PACKED_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        packer = zlib.compressobj(1, wbits=31)
        body, headers["Content-Encoding"] = packer.compress(body) + packer.flush(), "gzip"
    return HttpResponse(body, content_type="application/json", status=status, headers=headers)


def is_about(header: str, tag: str, weakly: bool = False) -> bool:
    """Whether `If-Match`, or `weakly` `If-None-Match`, is about the version `tag` (RFC 9110, 13.1); * is about any."""
    said = parse_etags(header)
    return said == ["*"] or tag in ([each.removeprefix("W/") for each in said] if weakly else said)


def many(field: serializers.Field) -> Words:
    """Several values of a filter, with commas between them."""
    return Words(field, required=False)


def after(path: str = "pk", what: str = "id") -> Filter:
    """The filter by which a feed goes on behind the last row that a partner has; nothing that comes late is lost."""
    return Filter(f"{path}__gt", Whole(required=False), about=f"Only rows behind this {what}: how a feed goes on.")


CHANGE = "Grows with each change of any of them; 0: not changed since these are counted."
FOLLOWED = {"after": after(), "changed_after": after("change_number", "`change`")}
