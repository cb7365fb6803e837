"""Why nothing is shown: nothing there yet, nothing that matches the filters, or nothing that its reader may see."""

from django import template

from stations.access import operator_ids

register = template.Library()
STRANGER = (
    "You are a member of no operator yet, so that there is nothing here that you may see."
    " Somebody who looks after memberships can change that."
)


@register.simple_tag(takes_context=True)
def nothing(context, yet: str, filtered: str = "", is_filtered: bool = False) -> str:
    """The sentence of an empty place: `filtered` where filters are set, `yet` where nothing has come so far."""
    user = context.get("user") or getattr(context.get("cl"), "viewer", None)  # parts that are pushed to many have none
    if user is not None and user.is_authenticated and operator_ids(user) == set():
        return STRANGER
    return filtered if is_filtered and filtered else yet
