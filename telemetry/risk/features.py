"""The 21 features of the state classifier, made the same way for training and for scoring."""

from collections.abc import Mapping

import numpy as np

FEATURES = (
    "network",
    "charger_type",
    "power_output_kw",
    "ports_total",
    "utilization_rate",
    "estimated_wait_time_mins",
    "avg_session_duration_mins",
    "location_type",
    "current_price",
    "pricing_type",
    "gas_price_per_gallon",
    "temperature_f",
    "precipitation_mm",
    "weather_condition",
    "traffic_congestion_index",
    "local_event",
    "hour_of_day",
    "day_of_week",
    "month",
    "is_weekend",
    "is_peak_hour",
)
PEAK_HOURS = (7, 8, 9, 17, 18, 19, 20)


def feature_matrix(
    columns: Mapping[str, np.ndarray], hour: np.ndarray, weekday: np.ndarray, month: np.ndarray
) -> np.ndarray:
    """Features of n readings as a float32 array of shape (n, 21), in the order of FEATURES.

    `columns` has the first sixteen by name, categories as whole numbers; `hour` (0-23), `weekday` (0 = Monday) and
    `month` (1-12), of the data's own time zone, give the other five. Peak hours are 7-9 and 17-20.
    """
    count = len(columns["network"])
    time = {
        "hour_of_day": hour,
        "day_of_week": weekday,
        "month": month,
        "is_weekend": np.asarray(weekday) >= 5,
        "is_peak_hour": np.isin(hour, PEAK_HOURS),
    }
    matrix = np.empty((count, len(FEATURES)), "f4")
    for place, name in enumerate(FEATURES):
        matrix[:, place] = time[name] if name in time else columns[name]
    return matrix
