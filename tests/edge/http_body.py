# The whole body of a request to one of Python's http.server, in chunks or not (RFC 9112 §7.1): it stands before the servers that read one.
def read_body(request):
    if request.headers.get("Transfer-Encoding") != "chunked":
        return request.rfile.read(int(request.headers.get("Content-Length", 0)))
    chunks = []
    while length := int(request.rfile.readline(), 16):
        chunks.append(request.rfile.read(length))
        request.rfile.readline()
    request.rfile.readline()
    return b"".join(chunks)


