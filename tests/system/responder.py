# SPDX-License-Identifier: Apache-2.0
"""An OCSP responder and a server of lists for tests, on loopback, that answer as
they are told: rightly, wrongly, slowly or not at all. What they are told is in
the path of the URL that a certificate names, or by serial."""
import datetime
import hashlib
import re
import socket
import threading
import time

from pki import (OCSP_SIGNING, algorithm, bits, enumerated, explicit, extension, implicit,
                 integer, octets, oid, sequence, tlv)

OCSP_BASIC, OCSP_NONCE = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.2"


def generalized(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return tlv(24, when.strftime("%Y%m%d%H%M%SZ").encode())


def der_read(data, at=0):
    """(tag, content, where the next one begins)."""
    tag, length, at = data[at], data[at + 1], at + 2
    if length & 0x80:
        n = length & 0x7F
        length, at = int.from_bytes(data[at:at + n], "big"), at + n
    return tag, data[at:at + length], at + length


def der_list(data):
    found, at = [], 0
    while at < len(data):
        tag, content, end = der_read(data, at)
        found.append((tag, content, data[at:end]))
        at = end
    return found


class Question:
    """What a request asks: cert_id (DER), serial, nonce (the extension's DER value, or None)."""

    def __init__(self, body):
        tbs = der_list(der_list(der_read(body)[1])[0][1])
        requests = next(content for tag, content, _ in tbs if tag == 0x30)
        self.cert_id = der_list(der_list(requests)[0][1])[0][2]
        parts = der_list(der_read(self.cert_id)[1])
        self.algorithm, self.name_hash, self.key_hash = (p[2] for p in parts[:3])
        self.serial = int.from_bytes(parts[3][1], "big", signed=True)
        self.nonce = None
        for tag, content, _ in tbs:
            for _, fields, _ in der_list(der_read(content)[1]) if tag == 0xA2 else ():
                values = der_list(fields)
                if values[0][2] == oid(OCSP_NONCE):
                    self.nonce = values[-1][1]

    def id_of(self, serial):
        return sequence(self.algorithm, self.name_hash, self.key_hash, integer(serial))


class Server:
    """HTTP/1.1 on a loopback port, a thread for each connection. `script(socket, head, body)` sends
    what it likes. Counts connections, and requests by path."""

    def __init__(self, test, script, port=0):
        self.script, self.lock = script, threading.Lock()
        self.connections, self.paths, self.sent = 0, {}, 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.over = threading.Event()
        test.defer(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.over.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def asked(self, path):
        with self.lock:
            return self.paths.get(path, 0)

    def _accept(self):
        while not self.over.is_set():
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            s.settimeout(60)
            data = b""
            while b"\r\n\r\n" not in data:
                more = s.recv(65536)
                if not more:
                    return
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            while length and len(body) < int(length[1]):
                body += s.recv(65536)
            path = head.split(b" ")[1].decode()
            with self.lock:
                self.paths[path] = self.paths.get(path, 0) + 1
            self.script(s, head.decode("latin-1"), body)
        except OSError:
            pass
        finally:
            s.close()


def http(body, status="200 OK", kind="application/ocsp-response", fields=()):
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Responder(Server):
    """OCSP for the certificates of `ca` (a Cert of `pki`). How it behaves is the last part of the
    path, or what `by_serial` says for the serial that is asked."""

    def __init__(self, test, pki, ca, port=0):
        self.pki, self.ca = pki, ca
        self.by_serial, self.serials, self.questions = {}, {}, []
        self.elsewhere = None  # another server's URL, for "redirect"
        self.old = {}          # answers to replay
        self.stranger = pki.cert("CN=Stranger", ca=True)
        self.delegates = {}
        super().__init__(test, self.answer, port)

    def delegate(self, how):
        """Makes it once. By its own key; id-kp-OCSPSigning and the issuer are what differs."""
        with self.lock:
            if how not in self.delegates:
                more = {"eku": (OCSP_SIGNING,), "key": self.pki.key("delegate")}
                issuer = self.ca
                if how == "delegate-no-eku":
                    more["eku"] = ("1.3.6.1.5.5.7.3.2",)
                elif how == "delegate-expired":
                    more |= {"not_before": -7200, "not_after": -3600}
                elif how == "delegate-other-ca":
                    issuer = self.stranger
                elif how == "delegate-named":  # looks issued by ours, is signed by another key
                    more["signer"] = self.stranger.key
                self.delegates[how] = self.pki.cert("CN=Responder", issuer, **more)
            return self.delegates[how]

    def signed(self, tbs, key, digest="sha256", certs=()):
        signature = key.sign(tbs, digest)
        more = explicit(0, sequence(*(c.der for c in certs))) if certs else b""
        basic = sequence(tbs, algorithm(key.kind, digest), bits(signature), more)
        return sequence(enumerated(0), explicit(0, sequence(oid(OCSP_BASIC), octets(basic))))

    def single(self, cert_id, status="good", this=-60, following=3600):
        said = {"good": b"\x80\x00", "unknown": b"\x82\x00",
                "revoked": tlv(0xA1, generalized(-3600), explicit(0, enumerated(1)))}[status]
        return sequence(cert_id, said, generalized(this),
                        explicit(0, generalized(following)) if following is not None else b"")

    def make(self, q, how):
        """DER of the answer to `q` that behaves so."""
        status = how if how in ("revoked", "unknown") else "revoked" if how.startswith("revoked") else "good"
        times = {"stale": (-7200, -3600), "future": (3600, 7200), "old-no-next": (-90000, None),
                 "no-next": (-60, None), "revoked-stale": (-7200, -3600)}.get(how, (-60, 3600))
        serial = q.serial + 1 if how in ("other-serial", "revoked-other") else q.serial
        singles = [self.single(q.id_of(serial), status, *times)]
        if how == "two":
            singles.append(self.single(q.id_of(q.serial), "revoked"))
        if how == "two-others":
            singles.append(self.single(q.id_of(q.serial + 1), "revoked"))
        if how == "other-key-hash":
            singles = [self.single(sequence(q.algorithm, q.name_hash, octets(b"\1" * 20), integer(q.serial)))]
        nonce = {"no-nonce": None, "other-nonce": octets(b"\7" * 16)}.get(how, q.nonce)
        exts = explicit(1, sequence(extension(OCSP_NONCE, nonce))) if nonce is not None else b""
        key, digest, certs = self.ca.key, "sha256", ()
        if how.startswith("delegate"):
            made = self.delegate(how)
            key, certs = made.key, (made,)
        if how == "delegate-other-key":
            key = self.pki.key("another")
        if how in ("other-signer", "revoked-forged"):
            key = self.stranger.key
        if how == "sha1":
            digest = "sha1"
        who = explicit(2, octets(hashlib.sha1((certs[0].key if certs else self.ca.key).bits).digest()))
        tbs = sequence(who, generalized(0), sequence(*singles), exts)
        return self.signed(tbs, key, digest, certs)

    def answer(self, s, head, body):
        q = Question(body)
        how = self.by_serial.get(q.serial, head.split(" ")[1].rpartition("/")[2].partition("?")[0])
        with self.lock:
            self.serials[q.serial] = self.serials.get(q.serial, 0) + 1
            self.questions.append((time.monotonic(), q.serial, how, head))
        if how == "hang":
            self.over.wait(60)
            return
        if how == "close":
            return
        if how.startswith("slow-"):
            time.sleep(float(how[5:]))
            how = "good"
        if how == "replay":
            if q.serial not in self.old:
                fake = Question(body)
                fake.nonce = octets(b"\5" * 16)
                self.old[q.serial] = self.make(fake, "good")
            s.sendall(http(self.old[q.serial]))
            return
        s.sendall(self.bytes_of(q, how))

    def bytes_of(self, q, how):
        if how == "500":
            return http(self.make(q, "good"), "500 Internal Server Error")
        if how == "redirect":
            return http(b"", "302 Found", fields=[f"location: {self.elsewhere}/good"])
        if how == "wrong-type":
            return http(self.make(q, "good"), kind="text/html")
        if how == "html":
            return http(b"<!DOCTYPE html><html><body>Welcome to this hotel's network</body></html>", kind="text/html")
        if how == "garbage":
            return http(bytes(range(256)) * 8)
        if how == "empty":
            return http(b"")
        if how == "oversized":
            return http(self.make(q, "good") + b"\0" * 200000)
        if how == "truncated":
            return http(self.make(q, "good"))[:-30]
        if how == "cut-der":
            return http(self.make(q, "good")[:-30])
        if how == "trailing":
            return http(self.make(q, "good") + b"\0")
        if how == "gzip":
            return http(self.make(q, "good"), fields=["content-encoding: gzip"])
        if how == "try-later":
            return http(sequence(enumerated(3)))
        if how == "unauthorized":
            return http(sequence(enumerated(6)))
        if how == "two-lengths":
            return http(self.make(q, "good"), fields=["content-length: 1"])
        if how == "damaged":
            data = bytearray(self.make(q, "good"))
            data[-1] ^= 1
            return http(bytes(data))
        return http(self.make(q, how))
