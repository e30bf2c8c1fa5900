#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_server.py [--port PORT] [--tls CERTIFICATE KEY] [--token TOKEN] [--refuse TEXT] LOG [DEED...]

A service that takes messages, and fails as it is told. Prints its port. The DEEDs are what it does to the first requests, one
each; whatever comes after them is taken (200):

  200 404 500 …  answers so; 429:SECONDS with Retry-After
  close          closes the connection before it reads the request
  cut            closes it in the middle of the answer
  hang           takes the message and never answers
  slow:SECONDS   answers 200 after so long

--refuse: 404 for every body with this text. --token: 401 for every other one. LOG gets a line of JSON a request that was read:
what was done, the idempotency key, the message.
"""
import argparse
import http.server
import json
import ssl
import sys
import threading
import time


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--token")
    parser.add_argument("--refuse")
    parser.add_argument("log")
    parser.add_argument("deeds", nargs="*")
    return parser.parse_args()


OPTIONS = arguments()
LOCK = threading.Lock()


def next_deed():
    with LOCK:
        return OPTIONS.deeds.pop(0) if OPTIONS.deeds else "200"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self):
        self.deed = None
        if OPTIONS.deeds and OPTIONS.deeds[0] == "close":
            next_deed()
            self.close_connection = True
            return
        super().handle_one_request()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        deed, _, much = next_deed().partition(":")
        if OPTIONS.refuse and OPTIONS.refuse in body:
            deed = "404"
        if OPTIONS.token and self.headers.get("Authorization") != "Bearer " + OPTIONS.token:
            deed = "401"
        with LOCK, open(OPTIONS.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"did": deed, "id": self.headers.get("Idempotency-Key"), "agent": self.headers["User-Agent"],
                                  "type": self.headers["Content-Type"], "message": json.loads(body)}) + "\n")
        if deed == "hang":
            self.connection.settimeout(60)
            try:
                self.rfile.read(1)  # until the other side has had enough
            except OSError:
                pass
            self.close_connection = True
        elif deed == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
        else:
            if deed == "slow":
                time.sleep(float(much))
            answer = json.dumps({"did": deed}).encode()
            self.send_response(200 if deed == "slow" else int(deed))
            if deed == "429":
                self.send_header("Retry-After", much)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass  # a client that left


def main():
    server = Server(("127.0.0.1", OPTIONS.port), Handler)
    if OPTIONS.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*OPTIONS.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
