"""Where the page is served, and which requests are for it."""

from __future__ import annotations

import socket

import pytest

from runtime.errors import SinkError, UsageError
from video.page.address import Address, listen, may_change, parse_address


def test_a_port_alone_is_this_machine_s_own() -> None:
    assert parse_address("8080") == Address("127.0.0.1", 8080)
    assert not parse_address("8080").is_open


@pytest.mark.parametrize(
    ("said", "address", "url"),
    [
        ("0.0.0.0:80", Address("0.0.0.0", 80), "http://0.0.0.0:80/"),
        ("[::1]:8080", Address("::1", 8080), "http://[::1]:8080/"),
        ("box.lan:1", Address("box.lan", 1), "http://box.lan:1/"),
    ],
)
def test_a_host_may_be_said(said: str, address: Address, url: str) -> None:
    assert parse_address(said) == address
    assert address.url == url


@pytest.mark.parametrize("said", ["", "x", "70000", "-1", ":", "a b", "http://x:1", "[::1:80", "8080:", "²"])
def test_what_is_no_address(said: str) -> None:
    with pytest.raises(UsageError, match=r"^--serve: expected \[HOST:\]PORT, such as 8400 or 0.0.0.0:8400, got "):
        parse_address(said)


def test_an_open_one_says_that_there_is_no_password() -> None:
    assert "no password" in Address("0.0.0.0").notice
    assert "no password" in Address("box.lan").notice
    assert Address().notice == "page: http://127.0.0.1:8400/"
    assert "no password" not in Address("::1").notice + Address("localhost").notice


@pytest.mark.network
def test_a_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SinkError) as caught:
            listen(Address("127.0.0.1", port))
    expected = f"--serve 127.0.0.1:{port}: expected a free port of this machine, got: Address already in use; use another port"
    assert str(caught.value) == expected


@pytest.mark.network
def test_a_host_of_another_machine_is_one_line() -> None:
    with pytest.raises(SinkError, match=r"^--serve 203.0.113.7:0: expected a free port of this machine, got: "):
        listen(Address("203.0.113.7", 0))


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "localhost:8400", "[::1]:8400", "192.0.2.7:1", socket.gethostname()])
def test_this_machine_may_be_asked(host: str) -> None:
    assert Address().may_ask(host)


@pytest.mark.parametrize("host", [None, "", "evil.example", "evil.example:8400", "127.0.0.1.evil.example", "[::1", "localhost.evil"])
def test_another_site_s_name_may_not(host: str | None) -> None:
    assert not Address().may_ask(host)


def test_the_name_that_was_said_may_be_asked() -> None:
    assert Address("Box.lan").may_ask("box.lan:8400")


def test_only_the_page_and_programs_change_something() -> None:
    assert may_change("127.0.0.1:8400", "http://127.0.0.1:8400")
    assert may_change("127.0.0.1:8400", None)
    for origin in ("null", "http://127.0.0.1", "http://127.0.0.1:9", "https://evil.example", ""):
        assert not may_change("127.0.0.1:8400", origin)
