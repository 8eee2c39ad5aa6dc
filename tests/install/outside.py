"""The world outside of the container: a name server, and the provider behind TLS.

Both are threads of the test and count what comes, so that a test can say that nothing did.
"""

import pathlib
import socket
import socketserver
import ssl
import struct
import threading

from container import OUTSIDE, run
from harness import Sim

PROVIDER = "provider.test"  # its name; .test belongs to nobody (RFC 2606)
TRUST = "/usr/local/share/ca-certificates/installation-test.crt"

DNS_A, DNS_NXDOMAIN = 1, 3
DNS_ANSWER_FLAGS = 0x8580  # an answer, authoritative, recursion available


def serve(server):
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _DnsHandler(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        name, question = ".".join(labels).lower(), query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        self.server.asked.append(name)
        known = name == PROVIDER
        answer = b""
        if known and kind == DNS_A:
            answer = b"\xc0\x0c" + struct.pack(">HHIH", DNS_A, 1, 1, 4) + socket.inet_aton(OUTSIDE)
        flags = DNS_ANSWER_FLAGS | (0 if known else DNS_NXDOMAIN)
        sock.sendto(query[:2] + struct.pack(">HHHHH", flags, 1, bool(answer), 0, 0) + question + answer,
                    self.client_address)


class NameServer(socketserver.UDPServer):
    """Knows one name."""

    def __init__(self):
        super().__init__((OUTSIDE, 53), _DnsHandler)
        self.asked = []
        serve(self)


class _TlsHandler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.connections += 1
        try:
            with self.server.context.wrap_socket(self.request, server_side=True) as client, \
                    socket.create_connection(("127.0.0.1", self.server.target)) as inner:
                back = threading.Thread(target=_copy, args=(inner, client), daemon=True)
                back.start()
                _copy(client, inner)
                back.join()
        except OSError as error:
            self.server.refused.append(str(error))


def _copy(source, sink):
    """Bytes until the end or the death of either; then the sink is told that no more will come."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    try:
        sink.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class TlsServer(socketserver.ThreadingTCPServer):
    """Speaks TLS as the provider and hands all bytes on to a port of ours."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, certificate, key, target):
        super().__init__((OUTSIDE, 443), _TlsHandler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.target = target
        self.connections, self.refused = 0, []
        serve(self)


class Outside:
    """The provider, its name and its address, for as long as the run lasts."""

    def __init__(self, work, simulator):
        """`simulator`: the program trawl-sim. Its ledger is out of the container's reach."""
        self.sim = Sim(work, "--ready-after", "0.3", "--building", "1", program=simulator)
        self.authority, certificate, key = make_certificates(work)
        self.names = NameServer()
        self.tls = TlsServer(certificate, key, int(self.sim.url.rsplit(":", 1)[1]))

    def be_trusted(self, container):
        """Makes the provider's authority one that the container trusts."""
        container.path(TRUST).write_bytes(self.authority.read_bytes())
        done = container.run("update-ca-certificates")
        if not done:
            raise AssertionError(f"the authority could not be added: {done}")

    def jobs(self):
        """Page -> how many jobs the provider was paid for."""
        counts = {}
        for job in self.sim.jobs():
            page = job["inputs"][0]["url"]
            counts[page] = counts.get(page, 0) + 1
        return counts


def make_certificates(folder):
    """An authority and the provider's certificate signed by it; paths of ca, certificate, key."""
    folder = pathlib.Path(folder)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    run(["openssl", "req", "-x509", *curve, "-subj", "/CN=installation test authority",
         "-keyout", folder / "ca.key", "-out", folder / "ca.crt"])
    run(["openssl", "req", "-x509", *curve, "-subj", f"/CN={PROVIDER}", "-CA", folder / "ca.crt",
         "-CAkey", folder / "ca.key", "-addext", f"subjectAltName=DNS:{PROVIDER}",
         "-addext", "basicConstraints=critical,CA:false",
         "-keyout", folder / "provider.key", "-out", folder / "provider.crt"])
    return folder / "ca.crt", folder / "provider.crt", folder / "provider.key"
