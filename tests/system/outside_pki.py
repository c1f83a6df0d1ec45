# SPDX-License-Identifier: Apache-2.0
"""A party with an authority of its own beside the deployment's: its policy, its
people's certificates, its lists, and streams of many of them."""
import pathlib
import selectors
import socket
import ssl
import time

from harness import chat_body, policy_text, request_bytes
from pki import Pki, pem, uri

EVENTS_PATH = "/v1/chat/completions"


class Lab:
    """The party `lab` of a deployment: root, issuing authority, people p0 … pN, whose certificates
    have URIs x://lab/pN."""

    def __init__(self, d, people=1, revocation="crl: trust/lab.crl", points=None):
        self.d, self.people = d, people
        self.pki = Pki(d.test.folder / "lab-pki")
        self.root = self.pki.cert("CN=Lab Root,O=Lab", ca=True, serial=1)
        self.sub = self.pki.cert("CN=Lab Issuing,O=Lab", self.root, ca=True, serial=2)
        (d.folder / "trust").mkdir(exist_ok=True)
        self.crl_path = d.folder / "trust/lab.crl"
        (d.folder / "trust/lab.pem").write_text(self.root.pem)
        (d.folder / "trust/lab-pool.pem").write_text(self.sub.pem)
        self.certs, self.number = {}, 0
        self.revocation = revocation

    def policy(self, windows, **more):
        """The deployment's policy, with the lab as a party."""
        base = policy_text(windows=windows, deployment=self.d.identifier, endpoint=self.d.endpoint, **more)
        people = "".join(f'      p{i}: {{san_uri: "x://lab/p{i}"}}\n' for i in range(self.people))
        lab = ("  lab:\n    kind: government\n    anchors: trust/lab.pem\n"
               "    intermediates: trust/lab-pool.pem\n"
               f"    revocation: {{{self.revocation}}}\n    people:\n{people}")
        return base.replace("\nterms:\n", "\n" + lab + "terms:\n", 1)

    def set_policy(self, windows, **more):
        self.d.policy_path.write_text(self.policy(windows, **more))
        self.d.approve()

    def cert(self, i, **more):
        """Stem of person i's certificate; `more` goes to Pki.cert()."""
        more.setdefault("extensions", [])
        stem = self.d.test.folder / f"p{i}-{len(self.certs)}"
        made = self.pki.cert(f"CN=p{i}", self.sub, san=[uri(f"x://lab/p{i}")], **more)
        self.certs[i] = made
        return made.write(stem)

    def write_lists(self, revoked=(), roots=(), **more):
        """Both authorities' lists into the file that the policy names: complete, in its place at once."""
        self.number += 1
        sub = self.pki.crl(self.sub, [(s, -60, 1) for s in revoked], number=self.number, **more)
        root = self.pki.crl(self.root, [(s, -60, 1) for s in roots], number=self.number, **more)
        fresh = pathlib.Path(f"{self.crl_path}.new")
        fresh.write_text(pem(sub, "X509 CRL") + pem(root, "X509 CRL"))
        fresh.rename(self.crl_path)


class Streams:
    """Many streams at once, read by one loop. A stream is a dict: key, body (bytes so far, without
    the head), ended (time of the last byte), closed."""

    def __init__(self, d):
        self.d, self.selector, self.all = d, selectors.DefaultSelector(), {}

    def open(self, key, stem, prompt):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.d.ca)
        context.load_cert_chain(f"{stem}.crt", f"{stem}.key")
        s = context.wrap_socket(socket.create_connection(("127.0.0.1", self.d.port), 20),
                                server_hostname="127.0.0.1")
        s.sendall(request_bytes(path=EVENTS_PATH, body=chat_body(stream=True, prompt=prompt)))
        s.setblocking(False)
        stream = {"key": key, "socket": s, "data": b"", "last": 0.0, "closed": False}
        self.all[key] = stream
        self.selector.register(s, selectors.EVENT_READ, stream)
        return stream

    def _read(self, stream):
        while True:
            try:
                data = stream["socket"].recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                return
            except OSError:
                data = b""
            if not data:
                stream["closed"] = True
                self.selector.unregister(stream["socket"])
                stream["socket"].close()
                return
            stream["data"] += data
            stream["last"] = time.monotonic()

    def run(self, until, seconds=30):
        """Reads until `until()` is true. Returns whether it was."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for event, _ in self.selector.select(0.01):
                self._read(event.data)
            if until():
                return True
        return until()

    def close(self):
        for stream in self.all.values():
            if not stream["closed"]:
                stream["socket"].close()
