"""Speaks TLS before an upstream that speaks none; every byte passes as it is.

Arguments: the upstream's port, a PEM file with a certificate and its key. Prints the port that it listens on.
"""

import select
import socket
import ssl
import sys
import threading


def main():
    upstream, certificate = int(sys.argv[1]), sys.argv[2]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(context, connection, upstream), daemon=True).start()


def serve(context, connection, upstream):
    # A client that goes away in the middle is not the server's fault.
    try:
        with context.wrap_socket(connection, server_side=True) as outer:
            with socket.create_connection(("127.0.0.1", upstream)) as inner:
                relay(outer, inner)
    except OSError:
        pass


def relay(outer, inner):
    """One thread for both directions: two may not use one TLS connection at once."""
    other = {outer: inner, inner: outer}
    while True:
        # What has been decrypted already makes no socket readable.
        ready = [outer] if outer.pending() else select.select([outer, inner], [], [])[0]
        for end in ready:
            data = end.recv(65536)
            if not data:
                return
            other[end].sendall(data)


main()
