"""Applications for the servers of Python in the matrix, with the paths of origin.go."""
import asyncio
import os
import time

PAGE, LARGE_PIECE, PIECES, DRIPS = bytes(1024), bytes(64 * 1024), 128, 100_000
SILENCE_S = 3
STATUS = {"/refuse": 413, "/denied": 401}
WORDS = {200: "200 OK", 401: "401 Unauthorized", 413: "413 Content Too Large"}


def tell_ready():
    os.write(int(os.environ["READY"]), b"x")


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        tell_ready()
        return
    path = scope["path"]

    async def head(length=None):
        fields = [] if length is None else [(b"content-length", str(length).encode())]
        await send({"type": "http.response.start", "status": STATUS.get(path, 200),
                    "headers": fields})

    async def write(data, more=True):
        await send({"type": "http.response.body", "body": data, "more_body": more})

    if path == "/echo":
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        await head(len(body))
        await write(body, False)
    elif path in STATUS:
        await head(0)
        await write(b"", False)
    elif path in ("/drip", "/large"):
        await head()
        for number, piece in enumerate([b"x"] * DRIPS if path == "/drip"
                                       else [LARGE_PIECE] * PIECES):
            await write(piece)
            if number % 100 == 0:
                await asyncio.sleep(0)  # to send does not let others in by itself
        await write(b"", False)
    elif path == "/watch":
        await head()
        await write(b"x")
        await asyncio.sleep(SILENCE_S)
        await write(b"x", False)
    elif path == "/never":
        while (await receive())["type"] != "http.disconnect":
            pass
    else:
        await head(len(PAGE))
        await write(PAGE, False)


def make_wsgi():
    tell_ready()
    return wsgi


def watched():
    yield b"x"
    time.sleep(SILENCE_S)
    yield b"x"


def wsgi(environment, start):
    path = environment["PATH_INFO"]
    fields = []
    if path == "/drip":
        answer = (b"x" for _ in range(DRIPS))
    elif path == "/large":
        answer = (LARGE_PIECE for _ in range(PIECES))
    elif path == "/watch":
        answer = watched()
    else:
        body = (environment["wsgi.input"].read() if path == "/echo"
                else b"" if path in STATUS else PAGE)
        fields = [("Content-Length", str(len(body)))]
        answer = [body]
    start(WORDS[STATUS.get(path, 200)], fields)
    return answer
