"""Routes come from an OSRM where it answers well, and from a labelled estimate in every other case."""

import time

import pytest
from django.core.cache import cache

from maintenance import outside
from maintenance.routing import osrm
from maintenance.routing.route import drive_times, route_for

from .osrm_server import GARBAGE, OsrmServer

DEPOT = (30.27, -97.74)
STOPS = [(30.40, -97.70), (30.20, -97.80), (30.45, -97.66)]
FAULTY = ["packed", "redirect", "error", "lying", "far", "negative", "not_a_number", "wrong_shape", "huge", *GARBAGE]


@pytest.fixture
def server(settings, monkeypatch):
    cache.clear()
    monkeypatch.setattr(osrm, "breaker", outside.Breaker())
    running = OsrmServer()
    settings.OSRM_URL = running.url
    yield running
    running.close()


def test_a_route_of_osrm_has_roads_turns_and_the_shortest_order(server):
    route = route_for(STOPS, DEPOT)
    assert route.source == "osrm"
    assert not route.is_estimate
    assert route.order == (1, 0, 2)
    assert [step.text for step in route.legs[0].steps] == [
        "Head east on Oak Street.", "Turn left onto I 35.", "You have arrived; it is on the right.",
    ]  # fmt: skip
    assert route.km == pytest.approx(sum(step.km for step in route.steps))
    assert route.minutes == pytest.approx(route.km * 1000 / 12.5 / 60)
    assert route.geometry[0] == DEPOT


def test_longitude_goes_first_and_nothing_but_coordinates_is_sent(server):
    route_for([STOPS[0]], DEPOT)
    (path,) = server.asked
    assert path.startswith("/route/v1/driving/-97.74000,30.27000;-97.70000,30.40000?")


def test_stops_in_an_order_of_their_own_stay_in_it(server):
    assert route_for(STOPS, DEPOT, keep_order=True).order == (0, 1, 2)
    assert "/route/" in server.asked[0]


def test_the_same_question_is_asked_once(server):
    first, second = route_for(STOPS, DEPOT), route_for(STOPS, (DEPOT[0] + 1e-7, DEPOT[1]))
    assert first == second
    assert len(server.asked) == 1


def test_without_an_address_nobody_is_asked(server, settings):
    settings.OSRM_URL = ""
    route = route_for(STOPS, DEPOT)
    assert route.is_estimate
    assert server.asked == []


@pytest.mark.parametrize("behaviour", FAULTY)
def test_an_answer_that_cannot_be_used_gives_a_labelled_estimate_without_turns(server, behaviour):
    server.behaviour = behaviour
    for answer in (route_for(STOPS, DEPOT), route_for(STOPS, DEPOT, keep_order=True)):
        assert answer.is_estimate
        assert answer.steps == ()
        assert answer.why
        assert len(answer.geometry) == 1 + len(STOPS)
    assert drive_times([DEPOT, *STOPS])[2] == "estimate"
    assert not any("elsewhere" in path for path in server.asked), "a redirect was followed"


def test_no_way_is_an_answer_and_does_not_count_as_a_failure(server):
    server.behaviour = "no_route"
    for _ in range(2 * outside.FAILURES):
        assert "NoRoute" in route_for(STOPS, DEPOT).why
    assert len(server.asked) == 2 * outside.FAILURES


def test_a_dead_server_is_left_alone_after_three_failures_and_tried_again_after_a_minute(server, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(osrm, "breaker", outside.Breaker(lambda: now[0]))
    server.behaviour = "error"
    for _ in range(5):
        assert route_for(STOPS, DEPOT).is_estimate
    assert len(server.asked) == outside.FAILURES
    now[0] += outside.REST_SECONDS
    server.behaviour = "good"
    assert route_for(STOPS, DEPOT).source == "osrm"
    assert route_for(STOPS[:2], DEPOT).source == "osrm"


def test_a_refused_connection_costs_no_time(server):
    server.close()
    begun = time.monotonic()
    assert route_for(STOPS, DEPOT).is_estimate
    assert time.monotonic() - begun < 10  # and no second try


@pytest.mark.parametrize("behaviour", ["slow", "drip"])
def test_a_slow_server_holds_nobody_for_long(server, behaviour, monkeypatch):
    monkeypatch.setattr(osrm, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(osrm, "READ_SECONDS", 0.5)
    server.behaviour = behaviour
    begun = time.monotonic()
    assert route_for(STOPS, DEPOT).is_estimate
    assert time.monotonic() - begun < 15  # it would be 30


def test_the_limits_are_those_that_were_promised():
    assert osrm.CONNECT_SECONDS + osrm.READ_SECONDS < 1
    assert (outside.FAILURES, outside.REST_SECONDS) == (3, 60)


def test_drive_times_of_osrm_are_used_where_there_are_few_places(server):
    km, minutes, source = drive_times([DEPOT, *STOPS])
    assert source == "osrm"
    assert km.shape == minutes.shape == (4, 4)
    assert km[0, 1] == pytest.approx(minutes[0, 1] * 60 * 12.5 / 1000)
    assert drive_times([(30 + place / 1000, -97.0) for place in range(101)])[2] == "estimate"


def test_drive_times_of_several_cities_are_asked_for_city_by_city(server):
    austin, boston = [DEPOT, *STOPS], [(42.36 + place / 500, -71.06) for place in range(60)]
    km, minutes, source = drive_times([*austin, *boston, (21.3, -157.9)], 200)
    assert source == "osrm"
    assert len(server.asked) == 2
    assert km[0, 1] == pytest.approx(minutes[0, 1] * 60 * 12.5 / 1000)
    assert km[4, 5] == pytest.approx(minutes[4, 5] * 60 * 12.5 / 1000)
    assert km[0, 4] == pytest.approx(minutes[0, 4] * 45 / 60), "from city to city it is an estimate"


def test_after_one_city_that_fails_no_other_is_asked_for(server):
    server.behaviour = "error"
    assert drive_times([DEPOT, *STOPS, (42.36, -71.06), (42.37, -71.06)], 200)[2] == "estimate"
    assert len(server.asked) == 1


def test_a_cache_that_is_away_costs_only_what_is_kept(server, monkeypatch):
    def away(*_):
        raise ConnectionError("no Redis")

    monkeypatch.setattr(cache, "get", away)
    monkeypatch.setattr(cache, "set", away)
    assert route_for(STOPS, DEPOT).source == "osrm"


def test_a_place_that_is_unknown_is_refused_in_a_sentence(server):
    with pytest.raises(ValueError, match="latitude"):
        route_for([(float("nan"), -97.0)], DEPOT)
    assert server.asked == []


def test_a_breaker_lets_one_through_at_a_time_after_its_rest():
    now = [0.0]
    breaker = outside.Breaker(lambda: now[0])
    for _ in range(outside.FAILURES):
        assert breaker.lets_through()
        breaker.note(worked=False)
    assert not breaker.lets_through()
    now[0] += outside.REST_SECONDS
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.note(worked=True)
    assert breaker.lets_through()
