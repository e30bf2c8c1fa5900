#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""http_server.py [--port PORT] [--tls CERTIFICATE KEY] [--token TOKEN] [--refuse TEXT] [--orders FILE] [--completed FILE]
  LOG [DEED...]

A service that takes messages, and fails as it is told. Prints its port. The DEEDs are what it does to the first requests, one
each; whatever comes after them is taken (200):

  200 404 500 …  answers so; 429:SECONDS with Retry-After
  close          closes the connection before it reads the request
  cut            closes it in the middle of the answer
  hang           takes the message and never answers
  slow:SECONDS   answers 200 after so long

With --orders it is a maintenance system, as bad as it can be: every message that it takes creates an order, a line in FILE, and it
knows none by its key. GET with ?externalReference=KEY lists those whose body has it. What it hangs or is cut at has created one;
so has a deed with ":created" behind it (500:created). "late:SECONDS" closes the connection and creates the order so much later.
Deeds that begin with "get:" are done to the next searches. GET /completed answers with what is in the file of --completed.

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
import urllib.parse


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--token")
    parser.add_argument("--refuse")
    parser.add_argument("--orders")
    parser.add_argument("--completed")
    parser.add_argument("log")
    parser.add_argument("deeds", nargs="*")
    return parser.parse_args()


OPTIONS = arguments()
LOCK = threading.Lock()


SEARCH_DEEDS = [deed[4:] for deed in OPTIONS.deeds if deed.startswith("get:")]
OPTIONS.deeds = [deed for deed in OPTIONS.deeds if not deed.startswith("get:")]


def next_deed(deeds):
    with LOCK:
        return deeds.pop(0) if deeds else "200"


def orders():
    try:
        with LOCK, open(OPTIONS.orders, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def create(message):
    """The order as it is answered."""
    with LOCK, open(OPTIONS.orders, "a+", encoding="utf-8") as file:
        file.seek(0)
        order = {"id": f"WO-{len(file.readlines()) + 1}", **message}
        file.write(json.dumps(order) + "\n")
    return order


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self):
        self.deed = None
        if OPTIONS.deeds and OPTIONS.deeds[0] == "close":
            next_deed(OPTIONS.deeds)
            self.close_connection = True
            return
        super().handle_one_request()

    def answer(self, status, content, headers=()):
        body = content.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def authorized(self):
        return not OPTIONS.token or self.headers.get("Authorization") == "Bearer " + OPTIONS.token

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query)
        deed, _, much = next_deed(SEARCH_DEEDS).partition(":")
        if not self.authorized():
            deed = "401"
        with LOCK, open(OPTIONS.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"did": deed, "get": self.path}) + "\n")
        if deed == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")
            self.close_connection = True
        elif deed in ("200", "slow"):
            if deed == "slow":
                time.sleep(float(much))
            if url.path.endswith("/completed"):
                with open(OPTIONS.completed, encoding="utf-8") as file:
                    return self.answer(200, file.read())
            wanted = query.get("externalReference")
            self.answer(200, json.dumps({"items": [o for o in orders() if not wanted or o["externalReference"] == wanted[0]]}))
        else:
            self.answer(int(deed), json.dumps({"did": deed}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        deed, _, much = next_deed(OPTIONS.deeds).partition(":")
        if OPTIONS.refuse and OPTIONS.refuse in body:
            deed = "404"
        if not self.authorized():
            deed = "401"
        with LOCK, open(OPTIONS.log, "a", encoding="utf-8") as log:
            log.write(json.dumps({"did": deed, "id": self.headers.get("Idempotency-Key"), "agent": self.headers["User-Agent"],
                                  "type": self.headers["Content-Type"], "message": json.loads(body)}) + "\n")
        made = None
        if OPTIONS.orders and (deed in ("200", "slow", "cut", "hang") or much == "created"):
            made = create(json.loads(body))
        if deed == "late":
            threading.Timer(float(much), create, [json.loads(body)]).start()
            self.close_connection = True
        elif deed == "hang":
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
            good = deed in ("200", "slow")
            self.answer((201 if made else 200) if good else int(deed), json.dumps(made if made and good else {"did": deed}),
                        [("Retry-After", much)] if deed == "429" else [])

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
