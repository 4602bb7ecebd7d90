# The topics of ntfy on the loopback address, without all else that it does: who posts or puts to /NAME publishes, /NAME/json streams what
# comes, a line each, and /NAME/ws sends it over a websocket. It prints its port, and tells each request that arrives on standard error.
import base64
import hashlib
import json
import queue
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

subscribers = {}
# As RFC 6455 §1.3 has it.
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Topics(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def publish(self):
        message = read_body(self).decode()
        name = re.fullmatch("/([-_A-Za-z0-9]{1,64})", self.path.partition("?")[0])
        for one in subscribers.get(name and name[1], []):
            one.put(message)
        self.answer(200 if name else 404, message)

    def subscribe(self):
        path, _, query = self.path.partition("?")
        asked = re.fullmatch("/([-_A-Za-z0-9]{1,64})/(json|ws)", path)
        if not asked:
            # Whether messages can be pushed to it (unifiedpush.org).
            return self.answer(200, '{"unifiedpush":{"version":1}}' if query == "up=1" else "page")
        messages = queue.Queue()
        subscribers.setdefault(asked[1], []).append(messages)
        (self.stream if asked[2] == "json" else self.websocket)(messages)

    do_POST = do_PUT = publish
    do_GET = do_HEAD = subscribe

    def stream(self, messages):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.send_line({"event": "open"})
        while True:
            self.send_line({"event": "message", "message": messages.get()})

    def send_line(self, value):
        line = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))

    def websocket(self, messages):
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        accepted = base64.b64encode(hashlib.sha1(key + WEBSOCKET).digest())
        self.send_header("Sec-WebSocket-Accept", accepted.decode())
        self.end_headers()
        self.send_frame({"event": "open"})
        while True:
            self.send_frame({"event": "message", "message": messages.get()})

    def send_frame(self, value):
        # One whole text, of fewer than 126 bytes.
        text = json.dumps(value).encode()
        self.wfile.write(bytes([0x81, len(text)]) + text)

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except OSError:
            # A subscriber that goes away in the middle is not the server's fault.
            self.close_connection = True

    def log_request(self, code="-", size="-"):
        print(self.command, self.path, file=sys.stderr, flush=True)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Topics)
print(server.server_port, flush=True)
server.serve_forever()
