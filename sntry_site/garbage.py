"""How the processes collect garbage: little of it at any time, in pauses that nobody notices."""

import asyncio
import gc

SETTLED_SECONDS = 60.0
# A page leaves some fifty objects in circles, a failed one its whole traceback. Python's own 10 at the end lets one or
# two megabytes of them gather, which leaves holes in memory for good.
WEB_THRESHOLDS = (700, 10, 2)


def leave_out_what_is_loaded() -> None:
    """Never look again through what is there now, because it stays as long as the process."""
    gc.collect()
    gc.freeze()


async def settle() -> None:
    """Leave out what a web process has loaded for its first pages too: addresses, forms, templates.

    Once, because what is in use at that moment and part of a circle is never found again.
    """
    await asyncio.sleep(SETTLED_SECONDS)
    leave_out_what_is_loaded()
