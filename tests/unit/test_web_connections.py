"""What a connection may send, and how much of it, asked of the real server through raw sockets."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.raw_http import GET, Served, closed, one, problem, serving


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as found:
        yield found


HUGE = b"a" * 40_000


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + HUGE + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + HUGE, 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + HUGE, 414),
        (b"\r\n" * 20_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # TLS
        (b"GET /\xe7\x94\xb3 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + 2 * HUGE, 400),
        (b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + 2 * HUGE, 400),
    ],
)
async def test_what_is_too_much_or_no_http_is_refused_as_a_problem(served: Served, sent: bytes, status: int) -> None:
    found = await served.answer(sent)
    assert problem(found)[0] == status


@pytest.mark.parametrize("asked", [b"POST /v1/things", b"GET /healthz", b"DELETE /nowhere"])
async def test_a_body_announced_as_too_large_is_refused_before_it_comes(served: Served, asked: bytes) -> None:
    status, headers, _ = await served.answer(asked + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
    assert (status, headers["content-type"]) == (413, "application/problem+json")


async def test_a_head_just_within_the_limits_is_taken(served: Served) -> None:
    headers = b"".join(b"X-%d: %s\r\n" % (i, b"a" * 250) for i in range(98))
    asked = b"GET /healthz?q=" + b"a" * 4_000 + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n"
    status, _, body = await served.answer(asked)
    assert status == 400 and b"query.q" in body  # read whole, and answered by what is in it


async def test_a_body_in_the_same_breath_as_its_head_is_no_part_of_the_head(served: Served) -> None:
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    assert (await served.answer(head + b"x" * 900_000))[2] == b'{"bytes":900000}'
    chunked = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await served.answer(chunked + b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n"))[2] == b'{"bytes":60000}'


@pytest.mark.parametrize("together", [True, False])
async def test_a_wish_for_another_protocol_is_left_alone_and_the_body_is_read(served: Served, together: bool) -> None:
    head = b"POST /v1/things HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    head += b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nContent-Length: 90000\r\n\r\n"
    reader, writer = await served.open()
    for _ in range(3):
        writer.write(head + b"x" * 90_000 if together else head)
        if not together:
            await asyncio.sleep(0.05)
            writer.write(b"x" * 90_000)
        assert (await one(reader))[2] == b'{"bytes":90000}'
    writer.write(head + b"x" * 90_000 + GET)
    assert [(await one(reader))[2] for _ in range(2)] == [b'{"bytes":90000}', b'{"status":"ok"}']
    writer.close()
    websocket = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    found = await served.answer(websocket)
    assert (found[0], found[1]["connection"]) == (200, "close")
    assert problem(await served.answer(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 400


async def test_sixty_megabytes_of_headers_are_neither_kept_nor_waited_for(served: Served) -> None:
    reader, writer = await served.open()
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    sent = 0
    try:
        while sent < 60_000_000:
            writer.write(b"X: " + b"a" * 65_000 + b"\r\n")
            sent += 65_005
            await writer.drain()
    except ConnectionError:
        pass
    rest = await closed(reader)
    assert rest.startswith(b"HTTP/1.1 431 ") or not rest  # or the reset came before it was read
    assert (await served.answer(GET))[0] == 200


async def test_requests_sent_ahead_are_answered_in_order_and_not_without_end(served: Served) -> None:
    reader, writer = await served.open()
    for size in range(20):
        writer.write(b"GET /v1/large?size=%d HTTP/1.1\r\nHost: x\r\n\r\n" % size)
    assert [len((await one(reader))[2]) for _ in range(20)] == list(range(20))
    writer.write((b"GET /v1/slow HTTP/1.1\r\nHost: x\r\n\r\n") * 1000)
    assert await closed(reader) == b""
    writer.close()


async def test_head_has_the_length_and_no_body(served: Served) -> None:
    reader, writer = await served.open()
    writer.write(b"HEAD /v1/large?size=5 HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b"content-length: 5\r\n" in head
    assert await reader.readexactly(12) == b"HTTP/1.1 200"
    writer.close()
