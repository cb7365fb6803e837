"""An HTTP server on loopback that answers like an OSRM, or fails in one of the ways in which outside services fail."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise, permutations
from urllib.parse import parse_qs, urlsplit

from maintenance.routing.estimate import haversine_km

METRES_PER_KM_AS_THE_CROW_FLIES, METRES_A_SECOND = 1_200, 12.5
GARBAGE = {
    "a page": b"<html><body>502 Bad Gateway</body></html>",
    "nothing": b"",
    "cut off": b'{"code": "Ok", "routes": [{"dist',
    "no code": b"{}",
    "a list": b"[1, 2, 3]",
    "another code": b'{"code": "TooBig"}',
    "not UTF-8": b'{"code": "Ok", "routes": "\xff\xfe"}',
    "no routes": b'{"code": "Ok", "routes": [], "trips": [], "durations": [], "distances": [], "waypoints": []}',
    "deep": b'{"code": "Ok", "routes": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
}


class OsrmServer:
    """`behaviour` is one of: good, slow, drip, no_route, huge, packed, redirect, error, lying, far, negative,
    not_a_number, wrong_shape, or a key of GARBAGE."""

    def __init__(self) -> None:
        self.behaviour, self.asked = "good", []
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer._answer(self)

            def log_message(self, *_) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """From here on the port refuses connections."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request) -> None:
        body, status, headers = self._body(request.path), 200, {}
        if self.behaviour == "slow":
            self._closing.wait(30)
        if self.behaviour == "no_route":
            status, body = 400, b'{"code": "NoRoute", "message": "Impossible route between points"}'
        if self.behaviour == "error":
            status = 503
        if self.behaviour == "redirect":
            status, headers = 302, {"Location": f"{self.url}/elsewhere"}
        if self.behaviour == "packed":
            headers = {"Content-Encoding": "gzip"}
        try:
            request.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                request.send_header(name, str(value))
            request.end_headers()
            self._send(request.wfile, body)
        except OSError:
            pass  # the other side has hung up

    def _send(self, wire, body: bytes) -> None:
        if self.behaviour != "drip":
            wire.write(body)
            return
        for place in range(len(body)):
            wire.write(body[place : place + 1])
            wire.flush()
            if self._closing.wait(0.3):
                return

    def _body(self, path: str) -> bytes:
        if self.behaviour in GARBAGE:
            return GARBAGE[self.behaviour]
        if self.behaviour == "huge":
            return b'{"code": "Ok", "padding": "' + b"x" * 9_000_000 + b'"}'
        parts = urlsplit(path)
        service, *_, coordinates = parts.path.strip("/").split("/")
        places = [tuple(map(float, pair.split(","))) for pair in coordinates.split(";")]
        answer = {"route": route, "trip": trip, "table": table}.get(service, route)(places, parse_qs(parts.query))
        text = json.dumps({"code": "Ok", **answer})
        return _spoilt(text, self.behaviour).encode()


def _spoilt(text: str, behaviour: str) -> str:
    answer = json.loads(text)
    ways = [*answer.get("routes", []), *answer.get("trips", [])]
    rows = [*answer.get("durations", []), *answer.get("distances", [])]
    change = {"lying": lambda value: value and 0.001, "negative": lambda value: -value - 1,
              "not_a_number": lambda value: float("nan")}.get(behaviour)  # fmt: skip
    if behaviour == "far":
        for way in ways:
            way["geometry"]["coordinates"] = [[2.35, 48.85], [2.36, 48.86]]
        for row in rows:
            row[:] = [1e6 * value for value in row]
    if behaviour == "wrong_shape":
        for way in ways:
            way["legs"].append(way["legs"][0])
        for row in rows:
            row.append(1.0)
    if change:
        for way in ways:
            for leg in way["legs"]:
                leg["distance"], leg["duration"] = change(leg["distance"]), change(leg["duration"])
        for row in rows:
            row[:] = [change(value) for value in row]
    return json.dumps(answer)


def metres(one, other) -> float:
    return METRES_PER_KM_AS_THE_CROW_FLIES * float(haversine_km(one[1], one[0], other[1], other[0]))


def route(places, _query) -> dict:
    return {"routes": [_way(places)], "waypoints": [{"location": list(place), "name": ""} for place in places]}


def trip(places, query) -> dict:
    assert (query["source"], query["destination"], query["roundtrip"]) == (["first"], ["any"], ["false"])
    rest = range(1, len(places))

    def length(order) -> float:
        return sum(metres(places[a], places[b]) for a, b in pairwise((0, *order)))

    order = (0, *min(permutations(rest), key=length)) if len(places) < 8 else tuple(range(len(places)))
    waypoints = [{"trips_index": 0, "waypoint_index": order.index(place)} for place in range(len(places))]
    return {"trips": [_way([places[place] for place in order])], "waypoints": waypoints}


def table(places, _query) -> dict:
    distances = [[metres(a, b) for b in places] for a in places]
    return {"distances": distances, "durations": [[m / METRES_A_SECOND for m in row] for row in distances]}


def _way(places) -> dict:
    legs = [_leg(a, b) for a, b in pairwise(places)]
    total = {name: sum(leg[name] for leg in legs) for name in ("distance", "duration")}
    line = {"type": "LineString", "coordinates": [list(place) for place in places]}
    return {**total, "geometry": line, "legs": legs}


def _leg(start, end) -> dict:
    far = metres(start, end)
    corner = [end[0], start[1]]
    steps = [
        _step(far / 2, "Oak Street", {"type": "depart", "bearing_after": 90, "location": list(start)}),
        _step(far / 2, "", {"type": "turn", "modifier": "left", "location": corner}, ref="I 35"),
        _step(0, "Elm Street", {"type": "arrive", "modifier": "right", "location": list(end)}),
    ]
    return {"distance": far, "duration": far / METRES_A_SECOND, "steps": steps, "summary": ""}


def _step(far: float, name: str, maneuver: dict, **more) -> dict:
    return {"distance": far, "duration": far / METRES_A_SECOND, "name": name, "maneuver": maneuver, **more}
