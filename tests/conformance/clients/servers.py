"""Applications for the servers of Python in the matrix: /page and /echo."""

PAGE = bytes(1024)


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    more = scope["path"] == "/echo"
    while more:
        part = await receive()
        body += part.get("body", b"")
        more = part.get("more_body", False)
    answer = body if scope["path"] == "/echo" else PAGE
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(len(answer)).encode())]})
    await send({"type": "http.response.body", "body": answer})


def wsgi(environment, start):
    answer = PAGE
    if environment["PATH_INFO"] == "/echo":
        answer = environment["wsgi.input"].read()
    start("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
