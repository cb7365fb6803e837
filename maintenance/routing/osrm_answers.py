"""What an OSRM may answer. Anything else is refused: a server that lies must not reach a map or a plan."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_STEPS, MOST_POINTS, MOST_LEGS = 5_000, 100_000, 100

Amount = Annotated[float, Field(ge=0, le=1e8, allow_inf_nan=False)]  # metres or seconds
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Place = tuple[Longitude, Latitude]
Words = Annotated[str, Field(max_length=1_000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class StepManeuver(_Part):
    type: Words
    modifier: Words = ""
    location: Place
    exit: Annotated[int, Field(ge=0, le=100)] | None = None
    bearing_after: Annotated[float, Field(ge=0, le=360)] | None = None


class Step(_Part):
    distance: Amount
    duration: Amount
    name: Words = ""
    ref: Words = ""
    destinations: Words = ""
    rotary_name: Words = ""
    maneuver: StepManeuver


class Leg(_Part):
    distance: Amount
    duration: Amount
    steps: Annotated[list[Step], Field(max_length=MOST_STEPS)] = []


class Line(_Part):
    type: Literal["LineString"]
    coordinates: Annotated[list[Place], Field(min_length=2, max_length=MOST_POINTS)]


class Way(_Part):
    """OSRM's Route."""

    distance: Amount
    duration: Amount
    geometry: Line
    legs: Annotated[list[Leg], Field(min_length=1, max_length=MOST_LEGS)]


class Waypoint(_Part):
    trips_index: Annotated[int, Field(ge=0)] = 0
    waypoint_index: Annotated[int, Field(ge=0, le=MOST_LEGS)] = 0


class RouteAnswer(_Part):
    code: Literal["Ok"]
    routes: Annotated[list[Way], Field(min_length=1, max_length=5)]


class TripAnswer(_Part):
    code: Literal["Ok"]
    trips: Annotated[list[Way], Field(min_length=1, max_length=1)]
    waypoints: Annotated[list[Waypoint], Field(max_length=MOST_LEGS + 1)]


Row = Annotated[list[Amount | None], Field(max_length=MOST_LEGS + 1)]


class TableAnswer(_Part):
    code: Literal["Ok"]
    durations: Annotated[list[Row], Field(max_length=MOST_LEGS + 1)]
    distances: Annotated[list[Row], Field(max_length=MOST_LEGS + 1)]


class Refusal(_Part):
    """What OSRM answers, with status 400, when there is no way or it did not understand."""

    code: Words
