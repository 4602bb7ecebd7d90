"""Synapse, for which a host that no DNS knows is at the loopback address: HOST, and then Synapse's own arguments."""

import socket
import sys

host = sys.argv.pop(1)
asked = socket.getaddrinfo


def getaddrinfo(name, *arguments, **named):
    if name in (host, host.encode()):
        name = "127.0.0.1"
    return asked(name, *arguments, **named)


# Before Twisted takes it from there.
socket.getaddrinfo = getaddrinfo

from synapse.app.homeserver import main

main()
