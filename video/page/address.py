"""Where the page is served, and which requests are meant for it. Does not know what it serves.

A site that a browser is looking at may have its own name point to this machine (DNS rebinding), or send requests blindly. So the Host has
to be an address or a name of this machine's own, and what changes something has to come from the page itself.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from runtime.errors import SinkError, UsageError

PORT = 8400
_LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    host: str = _LOCAL
    port: int = PORT  # 0: any free one

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    @property
    def notice(self) -> str:
        """Printed when it is served."""
        note = "; there is no password: everyone who can reach this address can watch and change the model" if self.is_open else ""
        return f"page: {self.url}{note}"

    @property
    def is_open(self) -> bool:
        """Whether others than this machine's own users may reach it."""
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    def may_ask(self, host: str | None) -> bool:
        """Whether a Host header names this machine: no other site's name can be an address."""
        name = _host_of(host)
        if name is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            own = socket.gethostname().lower()
            return name in {"localhost", self.host.lower(), own, f"{own}.local"}
        return True


def may_change(host: str | None, origin: str | None) -> bool:
    """Browsers say with every request that changes something which site it comes from; programs say nothing."""
    return origin is None or origin in (f"http://{host}", f"https://{host}")


def parse_address(said: str) -> Address:
    """[HOST:]PORT"""
    host, _, port = said.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) < 2**16) or "/" in host or (host and _host_of(said) is None):
        raise UsageError(f"--serve: expected [HOST:]PORT, such as {PORT} or 0.0.0.0:{PORT}, got {said!r}")
    return Address(_host_of(said) or _LOCAL if host else _LOCAL, int(port))


def listen(address: Address) -> socket.socket:
    """Before a model is loaded, so that a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        where, why = f"{address.host}:{address.port}", os.strerror(error.errno) if error.errno else str(error)
        raise SinkError(f"--serve {where}: expected a free port of this machine, got: {why}; use another port") from error


def _host_of(said: str | None) -> str | None:
    """The host, without its port and brackets."""
    try:
        return None if said is None else urlsplit(f"//{said}").hostname
    except ValueError:
        return None
