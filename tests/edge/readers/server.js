// An upstream that says under which names it could answer a request: the readings of Node's own modules.
"use strict";
const http = require("http");
const path = require("path");
const url = require("url");
const querystring = require("querystring");

const READERS = [
  (target) => new URL(target, "http://localhost").pathname,
  (target) => decodeURIComponent(new URL(target, "http://localhost").pathname),
  (target) => new URL("http://localhost" + target).pathname,
  (target) => url.parse(target).pathname,
  (target) => url.parse(target, false, true).pathname,
  (target) => path.posix.normalize(decodeURIComponent(target.split("?")[0])),
  (target) => path.posix.normalize(querystring.unescape(target.split("?")[0])),
  (target) => path.win32.normalize(decodeURIComponent(target.split("?")[0])),
  (target) => path.win32.normalize(target.split("?")[0]),
  (target) => path.posix.join("/", unescape(unescape(target.split("?")[0]))),
  (target) => path.posix.join("/", decodeURIComponent(target.split("?")[0]).normalize("NFKC")),
  // Express's router folds case and does not care for a slash at the end.
  (target) => decodeURIComponent(target.split("?")[0]).toLowerCase(),
];

function name(read) {
  const segments = path.posix.normalize("/" + read.replace(/\\/g, "/")).split("/").filter((s) => s !== "");
  const first = (segments[0] || "").toLowerCase();
  if (["share", "admin", "hooks"].includes(first)) return first;
  return segments.length === 1 && first.startsWith("up") ? "up" : "other";
}

const server = http.createServer((request, response) => {
  const names = new Set();
  for (const read of READERS) {
    try {
      names.add(name(read(request.url) || ""));
    } catch {
      names.add("other");
    }
  }
  request.resume();
  response.end("read " + [...names].sort().join(" ") + ".\n");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
