"""Lists of millions of rows: each page is found by an index from where the last one ended, never by counting to it."""

from datetime import UTC, datetime, time, timedelta

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import connections
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.http import urlencode
from unfold.views import ChangeList

WINDOW = 20_000  # rows that one page looks through, whatever is asked of them
PLACE_IN_LIST = ("before", "after", "day")
START = "start"


def estimated_rows(model, using: str = "default") -> int:
    """How many rows PostgreSQL believes the table has; -1 before its first ANALYZE."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [model._meta.db_table])
        return cursor.fetchone()[0]


class KeysetPaginator(Paginator):
    """One page that was read already, and the ways on from it."""

    template_name = "admin/keyset_pages.html"
    ends_early = False


class KeysetChangeList(ChangeList):
    """A list in the order of one unique key: of the whole table its primary key, of one place the time.

    A page looks through WINDOW rows at most; a rare status is thus found in steps, each as fast as the others.
    """

    def get_filters_params(self, params=None):
        """What the filters are asked, without where in the list this page is."""
        kept = super().get_filters_params(params)
        return {name: value for name, value in kept.items() if name not in PLACE_IN_LIST}

    def get_query_string(self, new_params=None, remove=None):
        """Another filter begins at the newest row again."""
        return super().get_query_string(new_params, [*(remove or []), *PLACE_IN_LIST])

    def get_queryset(self, request, exclude_parameters=None):
        """What is asked of the rows of this page's window."""
        pages, self.request = self.model_admin, request
        self.place = pages.place_of(request)
        self.key = pages.time if self.place else "pk"
        self.forward, self.cursor = self._cursor(request)
        self.everything = self.root_queryset
        window = self._window(self.model._default_manager.filter(**self.place))
        self.root_queryset = self.root_queryset.filter(**window)
        return super().get_queryset(request, exclude_parameters)

    def everything_asked(self):
        """What is asked of all rows of the chosen place; without a place, of the newest ones."""
        if not self.place:
            return self.queryset
        rows = self.everything
        for spec in self.filter_specs:
            narrowed = spec.queryset(self.request, rows)
            rows = rows if narrowed is None else narrowed
        return rows.order_by(f"-{self.key}")

    def get_ordering(self, request, queryset):
        return [self.key if self.forward else f"-{self.key}"]

    def _cursor(self, request) -> tuple[bool, object]:
        asked = next((name for name in PLACE_IN_LIST if request.GET.get(name)), None)
        if asked is None:
            return False, None
        value = request.GET[asked]
        if asked == "day" and self.key != "pk" and (day := parse_date(value)):
            return False, datetime.combine(day + timedelta(days=1), time(), UTC)
        if value == START:
            return asked == "after", None
        read = (int(value) if value.isdecimal() else None) if self.key == "pk" else parse_datetime(value)
        if read is None or asked == "day":
            raise IncorrectLookupParameters(f"{value!r} is no place in this list")
        return asked == "after", read

    def _window(self, rows) -> dict:
        """Between which keys this page looks; `self.end` is the last of them where there are more beyond."""
        ahead, towards = ("gt", "lte") if self.forward else ("lt", "gte")
        start = {f"{self.key}__{ahead}": self.cursor} if self.cursor is not None else {}
        order = self.key if self.forward else f"-{self.key}"
        keys = rows.filter(**start).order_by(order).values_list(self.key, flat=True)
        self.end = next(iter(keys[WINDOW - 1 : WINDOW]), None)
        return start if self.end is None else {**start, f"{self.key}__{towards}": self.end}

    def get_results(self, request):
        """Read the page, and one row more to know whether there is another."""
        rows = list(self.queryset[: self.list_per_page + 1])
        more, rows = len(rows) > self.list_per_page, rows[: self.list_per_page]
        onward = self._key_of(rows[-1]) if more else self.end
        if self.forward:
            rows.reverse()
        self.result_list, self.result_count = rows, len(rows)
        self.full_result_count = len(rows)  # because the header would offer to show "all" otherwise
        self.show_full_result_count, self.can_show_all, self.multi_page = False, True, False
        self.paginator = KeysetPaginator(rows, self.list_per_page)
        self.page_num = 1
        back = self._key_of(rows[-1 if self.forward else 0]) if rows else None
        back = back if self.cursor is not None else None  # nothing lies before the first page
        older, newer = (back, onward) if self.forward else (onward, back)
        self.older, self.newer = self._link("before", older), self._link("after", newer)
        self.newest = self._link() if self.cursor is not None or self.forward else None
        self.oldest = self._link("after", START) if older is not None else None
        self.looked_through = WINDOW if self.end is not None and not more else None
        self.about = estimated_rows(self.model) if not self.place else None

    def _key_of(self, row):
        return getattr(row, self.key)

    def _link(self, name: str = "", key=None) -> str | None:
        if name and key is None:
            return None
        kept = [(n, value) for n, values in self.filter_params.items() if n not in PLACE_IN_LIST for value in values]
        return "?" + urlencode([*kept, (name, key.isoformat() if hasattr(key, "isoformat") else key)] if name else kept)
