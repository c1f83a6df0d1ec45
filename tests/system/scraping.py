# SPDX-License-Identifier: Apache-2.0
"""What the tests of metrics share: scraping down to the bytes, samples by name and labels, the names that
the papers use, and promtool."""
import json
import re
import shutil
import socket
import subprocess

from harness import ROOT, wait_until

SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def serve_metrics(d, listen="127.0.0.1:0"):
    d.set("metrics", {"listen": f'"{listen}"'})


def metrics_port(daemon):
    return int(daemon.wait_log(r"supervisor metrics listen=\S+:(\d+)")[1])


def http(where, path="/metrics", method="GET", raw=None, seconds=10):
    """(status, {field: value}, body); status 0: closed without an answer. `where`: a port, or a path."""
    with socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX) as s:
        s.settimeout(seconds)
        s.connect(("127.0.0.1", where) if isinstance(where, int) else str(where))
        try:
            s.sendall(raw if raw is not None else f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        except OSError:
            pass
        data = b""
        try:
            while more := s.recv(65536):
                data += more
        except ConnectionResetError:
            pass
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/1.1 "):
        return 0, {}, body
    fields = {l.partition(":")[0]: l.partition(":")[2].strip() for l in lines[1:]}
    return int(lines[0].split()[1]), fields, body


class Scrape:
    """One answer of /metrics."""

    def __init__(self, where):
        self.status, self.fields, body = http(where)
        self.text = body.decode()
        self.samples, self.types, self.bad = {}, {}, []
        for line in self.text.splitlines():
            if line.startswith("# TYPE "):
                self.types[line.split()[2]] = line.split()[3]
            elif not line.startswith("#"):
                self._sample(line)

    def _sample(self, line):
        m = SAMPLE.match(line)
        labels = tuple(sorted(LABEL.findall(m[2] or ""))) if m else ()
        if not m or (m[1], labels) in self.samples or float(m[3]) < 0:
            self.bad.append(line)
            return
        self.samples[m[1], labels] = float(m[3])

    def all(self, name, **labels):
        """{labels: value} of those that have these among their labels."""
        return {l: v for (n, l), v in self.samples.items() if n == name and labels.items() <= dict(l).items()}

    def value(self, name, **labels):
        """The sum of them, None if there is none."""
        found = self.all(name, **labels)
        return sum(found.values()) if found else None

    def sums(self):
        """Everything that may never fall."""
        return {k: v for k, v in self.samples.items() if k[0].endswith(("_total", "_bucket", "_sum", "_count"))}


def complete_scrape(where, seconds=10):
    """One with windows and budgets: the keeper may have to be joined first."""
    found = []

    def one():
        try:
            found.append(Scrape(where))
        except OSError:
            return False
        return found[-1].value("sallyport_scrape_complete") == 1

    wait_until(one, seconds, 0.3)
    return found[-1]


def documented():
    """{name: type} of docs/metrics.md."""
    rows = re.findall(r"(?m)^\| `(sallyport_[a-z0-9_]+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text())
    return dict(rows)


def labels_documented():
    rows = re.findall(r"(?m)^\| `(sallyport_[a-z0-9_]+)` \| \w+ \|([^|]*)\|", (ROOT / "docs/metrics.md").read_text())
    return {name: {l.strip() for l in labels.split(",") if l.strip()} for name, labels in rows}


def dashboard():
    return json.loads((ROOT / "docs/grafana/sallyport.json").read_text())


def names_in(text):
    """Metrics that a text names, as families: a histogram's parts are its own."""
    found = set(re.findall(r"\bsallyport_[a-z0-9_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", n) if re.search(r"_seconds_(bucket|sum|count)$", n) else n
            for n in found}


def promtool():
    """The program, or None: scripts/bootstrap --tests puts it there."""
    return shutil.which("promtool")


def promtool_run(*args, text=None, cwd=None):
    return subprocess.run([promtool(), *map(str, args)], input=text, capture_output=True, text=True,
                          timeout=60, cwd=cwd)
