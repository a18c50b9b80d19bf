"""A mail server that speaks first, and a client of it.

smtp.py serve ADDRESS PORT | send ADDRESS PORT TEXT
The client prints what the server says it has kept.
"""
import smtplib
import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 mail.test ready")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.say(f"250 kept {sum(len(text) for text in lines)} bytes")
            elif word == b"QUIT":
                return self.say("221 bye")
            else:
                self.say("250 mail.test")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def serve(address, port):
    Server((address, port), Session).serve_forever()


def send(address, port, text):
    with smtplib.SMTP(address, port, timeout=10) as mail:
        mail.helo("pod.test")
        mail.mail("a@pod.test")
        mail.rcpt("b@mail.test")
        print(mail.data(text)[1].decode())


if __name__ == "__main__":
    command, host, number, *rest = sys.argv[1:]
    {"serve": serve, "send": send}[command](host, int(number), *rest)
