"""Generated history as a file of the data set's 33 columns."""

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .history import EVENTS, STATUSES, WEATHERS, history
from .network import CHARGER_TYPES, LOCATION_TYPES, METROS, OPERATORS, PRICING_TYPES, Network
from .surroundings import is_peak_hour

COLUMNS = (
    "station_id", "station_name", "network", "city", "state", "latitude", "longitude", "location_type", "charger_type",
    "power_output_kw", "amenities_nearby", "ports_total", "ports_available", "ports_occupied", "ports_out_of_service",
    "utilization_rate", "station_status", "estimated_wait_time_mins", "avg_session_duration_mins", "current_price",
    "pricing_type", "temperature_f", "precipitation_mm", "weather_condition", "gas_price_per_gallon",
    "traffic_congestion_index", "local_event", "timestamp", "hour_of_day", "day_of_week", "month", "is_weekend",
    "is_peak_hour",
)  # fmt: skip
_WORDS = {"station_status": STATUSES, "weather_condition": WEATHERS, "local_event": EVENTS}
_PER_READING = COLUMNS[COLUMNS.index("ports_available") : COLUMNS.index("timestamp")]


def write_history(
    path: Path, network: Network, start: np.datetime64, steps: int, seed: int, progress: Callable[..., None]
) -> int:
    """Write readings of `steps` half-hours from `start` to `path` (.csv or .csv.gz) and return how many.

    The same arguments give the same bytes. `progress(done, total, message)` is called after each block.
    """
    return write_readings(path, network, history(network, start, steps, seed), steps, progress)


def write_readings(
    path: Path, network: Network, blocks: Iterable[dict], steps: int, progress: Callable[..., None]
) -> int:
    """Write blocks of readings (as `history` yields them) of `steps` half-hours; see `write_history`."""
    done, total = 0, steps * len(network)
    with open_for(path) as out:
        out.write((",".join(COLUMNS) + "\n").encode())
        for count, lines in reading_lines(network, blocks):
            out.write(lines)
            done += count
            progress(done, total, "Generating history")
    return done


def reading_lines(network: Network, blocks: Iterable[dict]) -> Iterator[tuple[int, memoryview]]:
    """The lines of the file without its header, block by block: how many, and their UTF-8 text."""
    sites, pricing = _site_cells(network), pa.array(np.array(PRICING_TYPES)[network.pricing])
    for block in blocks:
        site = pa.array(block["site"])
        cells = [sites.take(site)]
        for name in _PER_READING:
            if name == "pricing_type":
                cells.append(pricing.take(site))
            elif name in _WORDS:
                cells.append(pa.array(_WORDS[name]).take(pa.array(block[name])))
            else:
                cells.append(pc.cast(pa.array(block[name]), pa.string()))
        cells.append(_time_cells(block["timestamp"]))
        lines = pc.binary_join_element_wise(*cells, ",")
        yield len(lines), memoryview(lines.buffers()[2])[: pc.sum(pc.binary_length(lines)).as_py()]


@contextmanager
def open_for(path: Path) -> Iterator:
    """A binary file to write to, compressed where its name says so."""
    with open(path, "wb") as file, _compressed(file) if path.suffix == ".gz" else nullcontext(file) as out:
        yield out


def _compressed(file) -> gzip.GzipFile:
    """A gzip stream into `file` that carries neither name nor time, for the same bytes each time."""
    return gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0)


def _site_cells(network: Network) -> pa.Array:
    """The first twelve cells of each site's lines."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for site in range(len(network)):
        city, state = METROS[network.metro[site]][:2]
        writer.writerow([
            network.station_id[site], network.name[site], OPERATORS[network.operator[site]], city, state,
            network.latitude[site], network.longitude[site], LOCATION_TYPES[network.location[site]],
            CHARGER_TYPES[network.charger[site]], network.power_kw[site], network.amenities[site], network.ports[site],
        ])  # fmt: skip
    return pa.array(lines.getvalue().splitlines())


def _time_cells(times: np.ndarray) -> pa.Array:
    """The last six cells of each line, with the end of the line: the time and what follows from it."""
    unique, index = np.unique(times, return_inverse=True)
    hour, day = unique.astype(int) // 3600 % 24, (unique.astype("M8[D]").astype(int) + 3) % 7
    month = unique.astype("M8[M]").astype(int) % 12 + 1
    rows = zip(unique.tolist(), hour, day, month, day >= 5, is_peak_hour(hour), strict=True)
    cells = [f"{at:%Y-%m-%d %H:%M:%S},{','.join(map(str, rest))}\n" for at, *rest in rows]
    return pa.array(cells).take(pa.array(index))
