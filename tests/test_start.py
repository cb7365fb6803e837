"""What processes do at their start, and what they leave for later."""

import subprocess
import sys

import pytest

from .live_server import ROOT

STARTS = {
    "web": "import sntry_site.asgi",
    "worker": "from sntry_site.celery import app; app.loader.import_default_modules()",
}


@pytest.mark.parametrize("kind", STARTS)
def test_garbage_is_looked_for_from_the_end_of_a_start_and_what_was_imported_is_left_out(kind):
    begin, end = "import gc, sntry_site; is_on = gc.isenabled()", "print(is_on, gc.isenabled(), gc.get_freeze_count())"
    code = f"{begin}; {STARTS[kind]}; {end}"
    told = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    before, after, frozen = told.split()
    assert (before, after) == ("False", "True")
    assert int(frozen) > 100_000


@pytest.mark.parametrize("kind", STARTS)
def test_spreadsheets_are_not_loaded_before_somebody_asks_for_one(kind):
    code = f"import sys; {STARTS[kind]}; print('pandas' in sys.modules, 'openpyxl' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split() == ["True", "False"]


SETTLES = """
import asyncio, gc, sntry_site.asgi
from sntry_site import garbage
garbage.LOOK_SECONDS = 0.05
async def main():
    settling, before, counts = asyncio.create_task(garbage.settle()), gc.get_freeze_count(), []
    await asyncio.sleep(0.5)
    counts.append(gc.get_freeze_count() - before)
    pages = [[number] for number in range(50_000)]
    await asyncio.wait_for(settling, 60)
    print(*counts, gc.get_freeze_count() - before, *gc.get_threshold())
asyncio.run(main())
"""


def test_what_a_web_process_loads_for_its_first_pages_is_left_out_too_once_there_is_much_of_it():
    told = subprocess.check_output([sys.executable, "-c", SETTLES], cwd=ROOT, text=True)
    idle, with_pages, *thresholds = map(int, told.split())
    assert idle == 0
    assert with_pages >= 50_000
    assert thresholds == [700, 10, 2]
