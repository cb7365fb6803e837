"""A receiver on a loopback port: keeps what it is sent, and answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Receiver:
    """`answers` is taken from, one for each call: a status, (status, headers, body), or "hang".

    `on_call(method, path)` is called before each answer; `at_once` is how many calls there were at the same time.
    """

    def __init__(self, port: int = 0):
        self.calls, self.answers, self.on_call = [], [], lambda method, path: None
        self.open, self.at_once, self.lock = 0, 0, threading.Lock()
        self.closing = threading.Event()
        self.pages: dict[str, bytes] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                with receiver.lock:
                    receiver.open += 1
                    receiver.at_once = max(receiver.at_once, receiver.open)
                try:
                    self.say()
                finally:
                    with receiver.lock:
                        receiver.open -= 1

            def say(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.on_call(self.command, self.path)
                receiver.calls.append((self.command, self.path, dict(self.headers), body))
                said = receiver.answers.pop(0) if receiver.answers else 200
                if said == "hang":
                    receiver.closing.wait(60)  # longer than anybody waits
                    return
                status, headers, text = said if isinstance(said, tuple) else (said, {}, b"")
                text = text or receiver.pages.get(self.path, b"")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(settings):
    """A receiver that may be called although it is in our own network."""
    settings.PRIVATE_RECEIVERS = True
    started = Receiver()
    yield started
    started.stop()
