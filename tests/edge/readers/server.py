"""An upstream that says under which names it could answer a request: every reading of a path that servers are known for."""

import posixpath
import re
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, unquote_plus, unquote_to_bytes, urlsplit

# Of each kind some servers do it and some do not.
STEPS = {
    "authority": lambda p: urlsplit(p).path,
    "decoded": unquote,
    "twice": lambda p: unquote(unquote(p)),
    "forms": unquote_plus,
    "latin": lambda p: unquote_to_bytes(p).decode("latin-1"),
    "sloppy": lambda p: unquote(p, errors="ignore"),
    "overlong": lambda p: re.sub("(?i)%c0%ae|%e0%80%ae", ".", re.sub("(?i)%c0%af", "/", p)),
    "backslashes": lambda p: p.replace("\\", "/").replace("%5c", "/").replace("%5C", "/"),
    "parameters": lambda p: re.sub(r"(;|%3b|%3B)[^/]*", "", p),
    "cut": lambda p: re.split("[\0?#]", p)[0],
    "compatible": lambda p: unicodedata.normalize("NFKC", p),
    "unaccented": lambda p: "".join(c for c in unicodedata.normalize("NFD", p) if not unicodedata.combining(c)),
    "trimmed": lambda p: "/".join(s.strip() for s in p.split("/")),
    "windows": lambda p: "/".join(s if s in ("", ".", "..") else s.rstrip(". ") for s in p.split("/")),
    "unseen": lambda p: re.sub("[\u00ad\u200b-\u200d\ufeff]", "", p),
    "streams": lambda p: re.sub("(?i)::?\\$[^/]*", "", p),
    "session": lambda p: re.sub(r"/\([A-Za-z]\([^/]*\)\)(?=/|$)", "", p),
    "format": lambda p: re.sub(r"(?<=[^/.])\.[a-z]+$", "", p),
    "front": lambda p: re.sub(r"(?i)^/+[^/]*\.(php|cgi)(?=/)", "", p),
    "folded": str.casefold,
    "upper": lambda p: p.upper().lower(),
}
CHAINS = [
    [],
    ["decoded"],
    ["authority", "decoded"],
    ["twice"],
    ["forms", "trimmed"],
    ["latin", "unaccented"],
    ["sloppy"],
    ["overlong", "decoded"],
    ["decoded", "backslashes"],
    ["parameters"],
    ["parameters", "decoded"],
    ["decoded", "parameters"],
    ["decoded", "cut"],
    ["decoded", "compatible"],
    ["decoded", "compatible", "folded", "decoded"],
    ["decoded", "unaccented"],
    ["decoded", "trimmed"],
    ["decoded", "windows"],
    ["decoded", "unseen"],
    ["decoded", "streams"],
    ["session"],
    ["front"],
    ["front", "parameters"],
    ["decoded", "format"],
    ["decoded", "upper"],
    ["twice", "backslashes", "parameters", "cut", "compatible", "unseen", "trimmed", "windows", "folded"],
]


def name(path):
    # A path is relative to the root, and `..` does not leave it.
    segments = posixpath.normpath("/" + path).strip("/").casefold().split("/")
    if segments[0] in ("share", "admin", "hooks"):
        return segments[0]
    return "up" if len(segments) == 1 and segments[0].startswith("up") else "other"


def readings(target):
    sent = target.split("?")[0]
    for chain in CHAINS:
        path = sent
        for step in chain:
            try:
                path = STEPS[step](path)
            except ValueError:
                break
        yield name(path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body are two writes: the second would wait until the first is acknowledged.
    disable_nagle_algorithm = True

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = ("read " + " ".join(sorted(set(readings(self.path)))) + ".\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # Whatever the method is, it is read.
    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
