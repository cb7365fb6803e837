"""An HTTP server on loopback that answers like Gemini's API, well, badly, or as a model that obeys what it reads."""

import json
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = {
    "summary": "The cabinet is too hot, probably because its filter is clogged.",
    "cause": "cooling_thermal",
    "confidence": 0.8,
    "evidence": [{"fact_id": "F1", "why": "it was opened for heat"}],
    "parts": ["fan and filter"],
    "steps": ["Look at the filter", "Swap it"],
    "safety": "The cabinet may be hot.",
}
CHANGED = {
    "wrong_cause": {"cause": "gremlins"},
    "wrong_part": {"parts": ["gold bar"]},
    "wrong_fact": {"evidence": [{"fact_id": "F99", "why": "made up"}]},
    "no_evidence": {"evidence": []},
    "new_number": {"summary": "The cabinet was at 84.5 degrees."},
    "too_sure": {"confidence": 1.5},
    "not_a_number": {"confidence": float("nan")},
    "wrong_types": {"steps": "look at it"},
    "no_steps": {"steps": []},
    "only_markup": {"summary": "<img src=x onerror=alert(1)>"},
    "lengthy": {"summary": "very hot " * 300, "steps": ["look " * 100] * 40},
}


class GeminiServer:
    """`behaviour` is one of the methods below, or a key of CHANGED."""

    def __init__(self) -> None:
        self.behaviour, self.asked, self.headers = "good", [], []
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.path, body))
                outer.headers.append(dict(self.headers))
                with suppress(OSError):  # the other side has hung up
                    outer._answer(self, body)

            def do_GET(self) -> None:
                outer.asked.append((self.path, None))
                self.send_error(404)

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

    @property
    def prompts(self) -> list[str]:
        return [body["contents"][0]["parts"][0]["text"] for _, body in self.asked if body]

    def _answer(self, request, body: dict) -> None:
        status, headers, answer = 200, {}, getattr(self, f"_{self.behaviour}", self._changed)(body)
        if isinstance(answer, tuple):
            status, headers, answer = answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def _good(self, _body):
        return answered(json.dumps(GOOD))

    def _changed(self, _body):
        return answered(json.dumps({**GOOD, **CHANGED[self.behaviour]}))

    def _unavailable_twice(self, body):
        return self._good(body) if len(self.asked) > 2 else refused(503, "UNAVAILABLE")

    def _unavailable(self, _body):
        return refused(503, "UNAVAILABLE")

    def _too_many_once(self, body):
        return self._good(body) if len(self.asked) > 1 else too_many("7s")

    def _too_many(self, _body):
        return too_many("7s")

    def _too_many_for_today(self, _body):
        return too_many("43200s")

    def _silence(self, body):
        self._closing.wait(60)
        return self._good(body)

    def _blocked(self, _body):
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 900}}

    def _cut_off(self, _body):
        return answered(json.dumps(GOOD)[:90], "MAX_TOKENS")

    def _huge(self, _body):
        return answered(json.dumps({**GOOD, "summary": "hot " * 500_000}))

    def _prose(self, _body):
        return answered("The cabinet is too hot, I think.")

    def _a_page(self, _body):
        return 200, {"Content-Type": "text/html"}, b"<html>captive portal</html>"

    def _redirect(self, _body):
        return 307, {"Location": f"{self.url}/elsewhere"}, b""

    def _packed(self, body):
        return 200, {"Content-Encoding": "gzip"}, json.dumps(self._good(body)).encode()

    def _forbidden(self, _body):
        return refused(403, "PERMISSION_DENIED")

    def _obeys(self, body):
        """The worst that a model can do: everything hostile in the facts goes into every field that takes text."""
        prompt = body["contents"][0]["parts"][0]["text"]
        data = json.loads(prompt.split("\n")[1])
        hostile = " ".join([data["where"], *(fact["text"] for fact in data["facts"])])
        known = {fact["id"] for fact in data["facts"]}
        cited = [found for found in re.findall(r"\bF\d+\b", hostile) if found in known] or ["F1"]
        wishes = {"summary": hostile, "safety": hostile, "steps": [hostile, f"Safe: {hostile}"]}
        return answered(json.dumps({**GOOD, **wishes, "evidence": [{"fact_id": one, "why": hostile} for one in cited]}))


def answered(text: str, ending: str = "STOP") -> dict:
    content = {"parts": [{"text": text}], "role": "model"}
    usage = {"promptTokenCount": 900, "candidatesTokenCount": 150, "totalTokenCount": 1050}
    return {"candidates": [{"content": content, "finishReason": ending, "index": 0}], "usageMetadata": usage}


def refused(code: int, status: str, details: list | None = None) -> tuple[int, dict, dict]:
    error = {"code": code, "message": "no <script>alert(1)</script>", "status": status, "details": details or []}
    return code, {}, {"error": error}


def too_many(delay: str) -> tuple[int, dict, dict]:
    waits = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return refused(429, "RESOURCE_EXHAUSTED", [waits])
