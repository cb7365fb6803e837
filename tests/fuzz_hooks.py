"""What schemathesis must not do by chance: use one Idempotency-Key for two requests, which is refused by design."""

import itertools
import re

import schemathesis

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make a good key one that was not used before; a bad one stays as it is.

    The case itself stays as it is: once that is touched, schemathesis forgets which header it was to leave out.
    """
    kwargs.pop("max_redirects", None)  # the way without a server does not know it
    for name in [name for name in case.headers or {} if name.lower() == "idempotency-key"]:
        if re.fullmatch("[!-~]{1,200}", str(case.headers[name])):
            key = f"{str(case.headers[name])[:150]}-{next(numbers)}"
            kwargs["headers"] = {**(kwargs.get("headers") or {}), name: key}
