# SPDX-License-Identifier: Apache-2.0
"""A party with an authority of its own beside the deployment's: its policy, its
people's certificates, its lists, and streams of many of them."""
import pathlib
import selectors
import socket
import ssl
import time

from harness import Closed, chat_body, policy_text, request_bytes
from pki import Pki, pem, uri

EVENTS_PATH = "/v1/chat/completions"


class Lab:
    """The party `lab` of a deployment, or one of another name: root, issuing authority, people p0 …
    pN, whose certificates have URIs x://lab/pN."""

    def __init__(self, d, people=1, revocation="crl: trust/lab.crl", name="lab"):
        self.d, self.people, self.name = d, people, name
        self.pki = Pki(d.test.folder / f"{d.folder.name}-{name}-pki")
        self.root = self.pki.cert(f"CN={name} Root,O=Lab", ca=True, serial=1)
        self.sub = self.pki.cert(f"CN={name} Issuing,O=Lab", self.root, ca=True, serial=2)
        (d.folder / "trust").mkdir(exist_ok=True)
        self.crl_path = d.folder / f"trust/{name}.crl"
        (d.folder / f"trust/{name}.pem").write_text(self.root.pem)
        (d.folder / f"trust/{name}-pool.pem").write_text(self.sub.pem)
        self.certs, self.number, self.made = {}, 0, 0
        self.revocation = revocation

    def party(self):
        """Its part of a policy."""
        people = "".join(f'      p{i}: {{san_uri: "x://{self.name}/p{i}"}}\n' for i in range(self.people))
        return (f"  {self.name}:\n    kind: government\n    anchors: trust/{self.name}.pem\n"
                f"    intermediates: trust/{self.name}-pool.pem\n"
                f"    revocation: {{{self.revocation}}}\n    people:\n{people}")

    def policy(self, windows, others=(), **more):
        """The deployment's policy, with the lab as a party, and other labs."""
        base = policy_text(windows=windows, deployment=self.d.identifier, endpoint=self.d.endpoint, **more)
        labs = "".join(lab.party() for lab in (self, *others))
        return base.replace("\nterms:\n", "\n" + labs + "terms:\n", 1)

    def set_policy(self, windows, **more):
        self.d.policy_path.write_text(self.policy(windows, **more))
        self.d.approve()

    def cert(self, i, **more):
        """Stem of person i's certificate; `more` goes to Pki.cert()."""
        more.setdefault("extensions", [])
        self.made += 1
        stem = self.d.test.folder / f"{self.name}-p{i}-{self.made}"
        made = self.pki.cert(f"CN=p{i}", self.sub, san=[uri(f"x://{self.name}/p{i}")], **more)
        self.certs[i] = made
        return made.write(stem)

    def lists(self, revoked=(), roots=(), sub_more=None, **more):
        """DER of both authorities' lists, the issuing one's first."""
        self.number += 1
        sub = self.pki.crl(self.sub, [(s, -60, 1) for s in revoked], number=self.number, **(more | (sub_more or {})))
        return sub, self.pki.crl(self.root, [(s, -60, 1) for s in roots], number=self.number, **more)

    def write_lists(self, revoked=(), roots=(), **more):
        """Both authorities' lists into the file that the policy names: complete, in its place at once."""
        text = "".join(pem(der, "X509 CRL") for der in self.lists(revoked, roots, **more))
        fresh = pathlib.Path(f"{self.crl_path}.new")
        fresh.write_text(text)
        fresh.rename(self.crl_path)


def refused_or_closed(c):
    """What is left to a connection whose certificate is revoked; the keeper has them closed."""
    try:
        return c.ask().code == "certificate_revoked"
    except (Closed, OSError):
        return True


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
