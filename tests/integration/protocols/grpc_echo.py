"""A gRPC server that sends back what it gets, by calls and by a stream, and a client that checks
that. Messages are bytes, so nothing has to be compiled.

grpc_echo.py serve ADDRESS PORT | talk ADDRESS PORT
"""
import concurrent.futures
import sys

import grpc

METHODS = {"Unary": grpc.unary_unary_rpc_method_handler(lambda message, _: message),
           "Stream": grpc.stream_stream_rpc_method_handler(lambda messages, _: messages),
           "Fail": grpc.unary_unary_rpc_method_handler(
               lambda _, context: context.abort(grpc.StatusCode.NOT_FOUND, "no such order"))}


def serve(address, port):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("shop.Echo", METHODS)])
    if server.add_insecure_port(f"{address}:{port}") == 0:
        sys.exit(f"{address}:{port} is taken")
    server.start()
    server.wait_for_termination()


def talk(address, port):
    messages = [b"", b"hello", b"\x00\xff" * 100_000]
    with grpc.insecure_channel(f"{address}:{port}", [("grpc.enable_http_proxy", 0)]) as channel:
        for message in messages:
            assert channel.unary_unary("/shop.Echo/Unary")(message, timeout=10) == message
        stream = channel.stream_stream("/shop.Echo/Stream")(iter(messages), timeout=10)
        assert list(stream) == messages
        try:
            channel.unary_unary("/shop.Echo/Fail")(b"", timeout=10)
        except grpc.RpcError as error:
            print(len(messages), "messages came back twice;", error.code().name, error.details())


if __name__ == "__main__":
    command, host, number = sys.argv[1:]
    {"serve": serve, "talk": talk}[command](host, int(number))
