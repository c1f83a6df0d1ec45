# SPDX-License-Identifier: Apache-2.0
"""What the tests of `sallyport connect` share: the program with what it says, a
wire between it and the gate that counts connections, and a client down to the
bytes."""
import json
import os
import re
import socket
import subprocess
import threading

from harness import BIN, Answer, wait_until


class Wire:
    """Forwards TCP to the gate and counts: an outsider's view of how many
    connections there are. `cut()` resets them all."""

    def __init__(self, t, port):
        self.to, self.opened, self.open, self.most = port, 0, 0, 0
        self.lock, self.sockets = threading.Lock(), set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        t.defer(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.cut()

    def cut(self):
        with self.lock:
            for s in list(self.sockets):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            with self.lock:
                self.opened += 1
                self.open += 1
                self.most = max(self.most, self.open)
                self.sockets |= {near, far}
            ends = [2]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(a, b, ends), daemon=True).start()

    def _pass(self, a, b, ends):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        try:
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        with self.lock:
            ends[0] -= 1
            if ends[0] == 0:
                self.open -= 1
                self.sockets -= {a, b}
                a.close()
                b.close()


class Connect:
    """The program with --json, ready to be asked."""

    def __init__(self, t, *args, env=None, wait=True):
        self.t, self.said = t, []
        self.log = open(t.folder / f"connect-{len(t.processes)}.log", "w+")
        self.process = t.start(BIN / "sallyport", "connect", *args, "--json", stdout=subprocess.PIPE, text=True,
                               stderr=self.log, env=os.environ | (env or {}))
        threading.Thread(target=self._read, daemon=True).start()
        if not wait:
            return
        started = self.event("started")
        if not started:
            raise RuntimeError(f"connect did not start: {self.said} {self.errors()}")
        self.base, self.socket = started["anthropic_base_url"], started["unix_socket"]
        self.port = int(self.base.rpartition(":")[2]) if self.base else 0

    def _read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def event(self, name, seconds=15, **have):
        """The first such event, waited for."""
        def found():
            for e in list(self.said):
                if e["event"] == name and all(e.get(k) == v for k, v in have.items()):
                    return e
            return None
        return wait_until(found, seconds)

    def stop(self, signal=15, seconds=15):
        if self.process.poll() is None:
            self.process.send_signal(signal)
        return self.process.wait(seconds)

    def client(self, timeout=20):
        return Plain(self, timeout)

    def ask(self, method="POST", path="/v1/chat/completions", body=b"", fields=(), timeout=20):
        with self.client(timeout) as c:
            return c.ask(method, path, body, fields)


def options(d, wire=None, stem=None):
    stem = stem or d.person()
    port = wire.port if wire else d.port
    return [f"https://127.0.0.1:{port}", "--cert", f"{stem}.crt", "--key", f"{stem}.key", "--cacert", d.ca, "--listen",
            "127.0.0.1:0"]


class Plain:
    """A local client down to the bytes."""

    def __init__(self, connect, timeout=20):
        if connect.socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(connect.socket)
        else:
            self.socket = socket.create_connection(("127.0.0.1", connect.port), timeout)
        self.socket.settimeout(timeout)
        self.host, self.data = f"127.0.0.1:{connect.port}", b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method="POST", path="/v1/chat/completions", body=b"", fields=()):
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}"]
        lines += ["content-type: application/json", f"content-length: {len(body)}"] if method == "POST" else []
        lines += [f"{k}: {v}" for k, v in dict(fields).items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return self.read(method == "HEAD")

    def more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        self.data += data
        return bool(data)

    def line(self):
        while b"\r\n" not in self.data:
            if not self.more():
                return None
        line, _, self.data = self.data.partition(b"\r\n")
        return line

    def bytes(self, n):
        while len(self.data) < n and self.more():
            pass
        data, self.data = self.data[:n], self.data[n:]
        return data

    def read(self, no_body=False):
        """One answer; `complete` if its framing came to an end."""
        a = Answer()
        first = self.line()
        if first is None:
            return a
        a.status = int(first.split()[1])
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            a.fields[name.lower()] = value.strip()
        if a.status == 100:
            return self.read(no_body)
        if no_body:
            a.complete = True
        elif "content-length" in a.fields:
            length = int(a["content-length"])
            a.body = self.bytes(length)
            a.complete = len(a.body) == length
        elif a["transfer-encoding"] == "chunked":
            while size := self.line():
                n = int(size, 16)
                a.body += self.bytes(n)
                self.line()
                if n == 0:
                    a.complete = True
                    break
        else:
            while self.more():
                pass
            a.body, self.data = self.data, b""
        return a

    def closed(self, seconds=5):
        self.socket.settimeout(seconds)
        try:
            return self.data == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False
