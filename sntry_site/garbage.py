"""What the collection of garbage leaves out, so that it takes milliseconds, and how often web can have it then."""

import asyncio
import gc

LOOK_SECONDS = 60.0
LOADED = 30_000  # objects; the addresses, forms and templates of a few pages are 40,000
# A page leaves some fifty objects in circles, a failed one its whole traceback. With Python's own 10 at the end a
# megabyte or two of them gather, which leaves holes in memory for good.
WEB_THRESHOLDS = (700, 10, 2)


def leave_out_what_is_loaded() -> None:
    """Never look again through what is there now, because nearly all of it stays as long as the process."""
    gc.collect()
    gc.freeze()
    gc.collect()  # through nothing, because Python waits for a quarter of what the last collection has left


async def settle() -> None:
    """Leave out what a web process has loaded for its first pages too, once it has.

    Once only, because what is in use at that moment and part of a circle is never found again.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        gc.collect()
        if len(gc.get_objects(generation=2)) >= LOADED:
            leave_out_what_is_loaded()
            return
