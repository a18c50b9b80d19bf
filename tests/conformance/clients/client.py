"""Python's clients of the matrix: see clients.py for what each word asks.

client.py requests|aiohttp|httpx STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
"""
import asyncio
import collections
import concurrent.futures
import functools
import json
import ssl
import sys
import time

KIND, STORIES, BASE, AT_ONCE, VERSION = sys.argv[1:6]
CA = sys.argv[6] if len(sys.argv) > 6 else None
SMALL, BIG, CRUMBS = bytes(1024), bytes(4 << 20), 5_000
WANTED = {"get": 1024, "post": 1024, "chunked": 1024, "empty": 0, "drip": 100_000,
          "slow": 8 << 20, "ends": 1024, "cancel": 1024, "watch": 2, "crumbs": CRUMBS,
          "restart": 1024, "race": 1024}
PATH = {"get": "/page", "post": "/echo", "chunked": "/echo", "empty": "/echo",
        "refused": "/refuse", "denied": "/denied", "drip": "/drip", "slow": "/large",
        "ends": "/ends", "cancel": "/page", "watch": "/watch", "crumbs": "/echo",
        "restart": "/page", "race": "/page"}
POSTS = ("post", "chunked", "empty", "refused", "denied", "crumbs")
UNSIZED = ("chunked", "denied", "crumbs")
GIVES_UP_AFTER_S = 0.02


def method(story):
    return "POST" if story in POSTS else "GET"


def gives_up(story, number):
    return story == "cancel" and number % 8 == 0


def pause_s(story, number):
    """Before a call: as long as the origin of `race` lets a connection idle, more or less."""
    return (15 + number % 11) / 1000 if story in ("restart", "race") else 0


def judge(story, status, got):
    wanted = WANTED.get(story)
    return str(status) if wanted in (None, got) else f"{status} with {got} bytes"


def stories():
    for part in STORIES.split(","):
        story, calls = part.split(":")
        yield story, int(calls)


def pieces(story):
    if story == "crumbs":
        yield from (b"x" for _ in range(CRUMBS))
    else:
        yield SMALL[:500]
        yield SMALL[500:]


async def async_pieces(story):
    for piece in pieces(story):
        yield piece


def with_requests():
    import requests
    session = requests.Session()
    session.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=int(AT_ONCE)))
    session.verify = CA or True

    def call(story, number):
        body = {"post": SMALL, "refused": BIG}.get(story)
        if story in UNSIZED:
            body = pieces(story)
        time.sleep(pause_s(story, number))
        try:
            if gives_up(story, number):
                try:
                    session.get(BASE + "/never", timeout=GIVES_UP_AFTER_S)
                except requests.exceptions.ReadTimeout:
                    return "given up"
            with session.request(method(story), BASE + PATH[story], data=body,
                                 stream=True) as answer:
                got = 0
                for piece in answer.iter_content(1 << 20):
                    got += len(piece)
                    if story == "slow":
                        time.sleep(0.05)
                return judge(story, answer.status_code, got)
        except requests.exceptions.RequestException as error:
            return f"error: {type(error).__name__}"

    with concurrent.futures.ThreadPoolExecutor(int(AT_ONCE)) as pool:
        return {story: collections.Counter(pool.map(functools.partial(call, story), range(calls)))
                for story, calls in stories()}


async def at_once(call, story, calls):
    outcomes = collections.Counter()
    numbers = iter(range(calls))

    async def work():
        for number in numbers:
            outcomes[await call(story, number)] += 1

    await asyncio.gather(*(work() for _ in range(int(AT_ONCE))))
    return outcomes


async def with_aiohttp():
    import aiohttp
    trust = ssl.create_default_context(cafile=CA) if CA else None
    connector = aiohttp.TCPConnector(limit=int(AT_ONCE), ssl=trust if CA else True)
    async with aiohttp.ClientSession(connector=connector) as session:
        async def call(story, number):
            body = {"post": SMALL, "refused": BIG}.get(story)
            if story in UNSIZED:
                body = async_pieces(story)
            await asyncio.sleep(pause_s(story, number))
            try:
                if gives_up(story, number):
                    limit = aiohttp.ClientTimeout(total=GIVES_UP_AFTER_S)
                    try:
                        await session.get(BASE + "/never", timeout=limit)
                    except asyncio.TimeoutError:
                        return "given up"
                async with session.request(method(story), BASE + PATH[story], data=body) as answer:
                    got = 0
                    async for piece in answer.content.iter_chunked(1 << 20):
                        got += len(piece)
                        if story == "slow":
                            await asyncio.sleep(0.005)
                    return judge(story, answer.status, got)
            except aiohttp.ClientError as error:
                return f"error: {type(error).__name__}"
        return {story: await at_once(call, story, calls) for story, calls in stories()}


async def with_httpx():
    import httpx
    trust = ssl.create_default_context(cafile=CA) if CA else True
    limits = httpx.Limits(max_connections=int(AT_ONCE), max_keepalive_connections=int(AT_ONCE))
    async with httpx.AsyncClient(http1=VERSION == "h1", http2=VERSION == "h2", verify=trust,
                                 limits=limits, timeout=60) as client:
        async def call(story, number):
            body = {"post": SMALL, "refused": BIG}.get(story)
            if story in UNSIZED:
                body = async_pieces(story)
            await asyncio.sleep(pause_s(story, number))
            try:
                if gives_up(story, number):
                    try:
                        await client.get(BASE + "/never", timeout=GIVES_UP_AFTER_S)
                    except httpx.TimeoutException:
                        return "given up"
                async with client.stream(method(story), BASE + PATH[story], content=body) as answer:
                    got = 0
                    async for piece in answer.aiter_raw(1 << 20):
                        got += len(piece)
                        if story == "slow":
                            await asyncio.sleep(0.05)
                    return judge(story, answer.status_code, got)
            except httpx.HTTPError as error:
                return f"error: {type(error).__name__}"
        return {story: await at_once(call, story, calls) for story, calls in stories()}


if KIND == "requests":
    print(json.dumps(with_requests()))
else:
    print(json.dumps(asyncio.run({"aiohttp": with_aiohttp, "httpx": with_httpx}[KIND]())))
