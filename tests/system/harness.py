# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a deployment in a temporary folder, the real
daemon in front of a back end on free loopback ports, a TLS client down to the
bytes, and the ledger read with our own command.

A test file is a program: it calls run(main) and main gets a Test. Each check
prints `ok …` or `FAIL …`; measured numbers print as `-- …`. Exit status 0,
1, or 77 (skipped, with the reason). Everything started is ended by its pid
when the test ends, however it ends.

Environment: SP_BIN, the folder with the programs (default build/debug/bin);
SP_KEEP=1 keeps the temporary folder.
"""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SP_BIN", ROOT / "build/debug/bin")).resolve()
HOUR = 3600 * 1000
DAY = 24 * HOUR
LIMIT_ACCESS = 30 * DAY
DIALECTS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
}


def now_ms():
    return time.time_ns() / 1e6


def utc(ms):
    at = datetime.datetime.fromtimestamp(int(ms) / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(ms) % 1000:03d}Z"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds=10, every=0.02):
    """The condition's first true value, or its last one when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


# ------------------------------------------------------------------ the test


class Skip(Exception):
    pass


class Test:
    def __init__(self):
        self.failures = 0
        self.checks = 0
        self.processes = []
        self.cleanups = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sp-"))

    def ok(self, holds, text, seen=None):
        """One check; `seen` is shown when it fails."""
        self.checks += 1
        self.failures += not holds
        shown = "" if holds or seen is None else f" -- saw {str(seen)[:600]}"
        print(f"{'ok' if holds else 'FAIL'} {text}{shown}", flush=True)
        return bool(holds)

    def equal(self, have, want, text):
        return self.ok(have == want, text, f"{have!r}, wanted {want!r}")

    def note(self, text):
        print(f"-- {text}", flush=True)

    def skip(self, reason):
        raise Skip(reason)

    def defer(self, call, *args):
        self.cleanups.append((call, args))

    def start(self, *args, **more):
        p = subprocess.Popen([str(a) for a in args], **more)
        self.processes.append(p)
        return p

    def close(self):
        for p in reversed(self.processes):
            end_process(p)
        for call, args in reversed(self.cleanups):
            try:
                call(*args)
            except Exception as e:  # the rest must still be cleaned up
                print(f"-- clean-up: {e}")
        if os.environ.get("SP_KEEP") == "1":
            print(f"-- kept {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def end_process(p, seconds=15):
    """Ends one process that we started, gently first."""
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    return p.returncode


def run(main, limit=120):
    """Runs a test program's main with a time limit, and exits."""
    test = Test()

    def too_late(*_):
        raise TimeoutError(f"the test took more than {limit} s")

    signal.signal(signal.SIGALRM, too_late)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.alarm(limit)
    status = 1
    try:
        for program in ("sallyport", "sallyportd"):
            if not (BIN / program).exists():
                raise Skip(f"{BIN / program} is not built")
        main(test)
        check_sandboxes(test)
        status = 1 if test.failures or not test.checks else 0
    except Skip as reason:
        print(f"skipped: {reason}")
        status = 1 if test.failures else 77  # what failed before has failed
    except Exception:
        import traceback

        traceback.print_exc(file=sys.stdout)
        print("FAIL the test ended early")
        test.failures += 1
    finally:
        signal.alarm(0)
        if test.failures:
            show_logs(test)
        test.close()
    sys.stdout.flush()
    os._exit(status)


def check_sandboxes(test):
    """No role missed a system call that its sandbox refuses, and no sanitizer that is built in has
    said anything."""
    for log in sorted(test.folder.glob("**/*.log")):
        text = log.read_text(errors="replace")
        found = [line for line in text.splitlines() if any(w in line for w in SANITIZERS_SAY)]
        if found:
            test.ok(False, f"no sanitizer reports anything ({log.name})", found[:3])
        refused = re.findall(r"sandbox_refused .*", text)
        if refused:
            test.ok(False, f"P12 no role needs what its sandbox refuses ({log.name})", refused[:3])


def show_logs(test):
    for log in sorted(test.folder.glob("**/*.log")):
        lines = log.read_text(errors="replace").splitlines()
        print(f"-- {log.name}: last of {len(lines)} lines")
        for line in lines[-25:]:
            print(f"   {line[:300]}")


def need_hooks(test):
    """Skips when the daemon was built without the debug hooks."""
    if b"SALLYPORT_CLOCK" not in (BIN / "sallyportd").read_bytes():
        test.skip("the daemon is built without SP_HOOKS")


# -------------------------------------------------------------- the back end


class Backend:
    """bench-backend: answers as its prompt says (bench/backend.c)."""

    def __init__(self, test):
        self.process = test.start(BIN / "bench-backend", "127.0.0.1:0",
                                  stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def stats(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.sendall(b"GET /bench/stats HTTP/1.1\r\nhost: x\r\n\r\n")
            data = b""
            while not data.endswith(b"}\n"):
                data += s.recv(4096)
        return json.loads(data.partition(b"\r\n\r\n")[2])


class Request:
    """What an Endpoint was asked."""

    def __init__(self, head, body, connection, sni):
        lines = head.decode("latin-1").split("\r\n")
        self.line, self.head, self.body = lines[0], head, body
        self.names = [line.partition(":")[0].lower() for line in lines[1:]]
        self.fields = {name: line.partition(":")[2].strip() for name, line in zip(self.names, lines[1:])}
        self.connection, self.sni = connection, sni

    def json(self):
        return json.loads(self.body)


def http_answer(body=b'{"id":"x","object":"chat.completion","choices":[]}', status="200 OK",
                kind="application/json", fields=(), length=True):
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}"]
    lines += [f"content-length: {len(body)}"] if length else []
    lines += [f"{k}: {v}" for k, v in dict(fields).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Endpoint:
    """A model's endpoint down to the bytes. `script(socket, request)` is called
    for each request and sends what it likes; if it returns False the connection
    is closed, else it is read on. A greeting is sent before anything is asked.
    At a port of its own, or at a path."""

    def __init__(self, test, script=None, tls=None, path=None, port=0, greeting=b""):
        self.script = script or (lambda s, request: s.sendall(http_answer()))
        self.tls, self.greeting, self.requests, self.connections = tls, greeting, [], 0
        self.over = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        if path is None:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(str(path) if path else ("127.0.0.1", port))
        self.listener.listen(64)
        self.port = None if path else self.listener.getsockname()[1]
        self.url = f"unix:{path}" if path else f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        test.defer(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.over.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while not self.over.is_set():
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(s, self.connections), daemon=True).start()

    def _serve(self, s, number):
        sni = []
        try:
            if self.tls:
                self.tls.sni_callback = lambda _, name, __: sni.append(name)
                s = self.tls.wrap_socket(s, server_side=True)
            s.sendall(self.greeting)
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = s.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                length = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
                while len(data) < length:
                    data += s.recv(65536)
                request = Request(head, data[:length], number, sni[0] if sni else None)
                data = data[length:]
                self.requests.append(request)
                if self.script(s, request) is False:
                    return
        except OSError:
            pass
        finally:
            s.close()


# ------------------------------------------------------------ the deployment


def policy_text(serial=1, endpoint="http://127.0.0.1:1", deployment="test", windows=(),
                parties=None, terms=None, models=("orion",), replaces=None, upstreams=None):
    """A policy in our language. A window is a dict with party, model, opens
    and closes in ms UTC, and terms; parties map a name to its people, and
    upstreams a model to fields that replace or join those of its upstream."""
    parties = parties or {"caisi": ["evaluator"]}
    lines = ["policy: 1", f"serial: {serial}"]
    if replaces:
        lines.append(f"replaces: {replaces}")
    lines += ["basis: voluntary", "developer: Test AI, Inc.", "sequence: concurrent", "models:"]
    for model in models:
        upstream = {"endpoints": f'["{endpoint}"]', "model": f"{model}-hidden"}
        upstream |= (upstreams or {}).get(model, {})
        lines += [f"  {model}:", "    upstream:", *(f"      {k}: {v}" for k, v in upstream.items()),
                  "    apis: [openai.chat, openai.responses, openai.completions, anthropic.messages]"]
    lines.append("parties:")
    for party, people in parties.items():
        lines += [f"  {party}:", "    kind: government", "    anchors: ca", "    people:"]
        lines += [f'      {p}: {{san_uri: "sallyport://{deployment}/{party}/{p}"}}' for p in people]
    lines.append("terms:")
    for name, text in (terms or {"evaluation": TERMS}).items():
        lines += [f"  {name}:"] + [f"    {line}" for line in text.splitlines()]
    lines.append("windows:")
    for w in windows:
        lines += [f"  - party: {w.get('party', 'caisi')}", f"    model: {w.get('model', 'orion')}",
                  f"    opens: {utc(w['opens'] // 1000 * 1000)}", f"    closes: {utc(w['closes'])}",
                  f"    notify: {w.get('notify', '[]')}", f"    terms: [{w.get('terms', 'evaluation')}]"]
    return "\n".join(lines) + "\n"


TERMS = """\
uses: [chat.completions, responses, completions, messages, messages.count_tokens, models]
budget:
  person: {concurrent: 16384, requests_per_minute: 10M}
  request: {bytes: 1MiB, seconds: 3600}"""


class Deployment:
    """A folder made by `sallyport init`, with one open window for caisi."""

    def __init__(self, test, endpoint, name="deployment"):
        self.test, self.endpoint = test, endpoint
        self.folder = test.folder / name
        self.port = free_port()
        self.log = test.folder / f"{name}.log"
        self.command("init", self.folder, "--listen", f"127.0.0.1:{self.port}",
                     "--model", "orion", "--endpoint", endpoint, "--party", "caisi",
                     "--person", "evaluator", "--lasts", "30d", check=True)
        self.settings_path = self.folder / "sallyport.yaml"
        self.policy_path = self.folder / "policy.yaml"
        self.ledger = self.folder / "ledger"
        self.identifier = re.search(r"(?m)^deployment: *\"?([a-z0-9-]+)",
                                    self.settings_path.read_text())[1]
        self.set("workers", 1)
        self.set_policy()

    def command(self, *args, check=False, timeout=60):
        """Runs `sallyport …`."""
        done = subprocess.run([str(BIN / "sallyport"), *map(str, args)], capture_output=True,
                              text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"sallyport {args}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def set(self, key, value):
        """Sets one field of sallyport.yaml; a dict replaces a whole block."""
        text = self.settings_path.read_text()
        text = re.sub(rf"(?m)^{key}:.*\n(?:[ \t]+.*\n)*", "", text)
        if isinstance(value, dict):
            value = "\n" + "\n".join(f"  {k}: {v}" for k, v in value.items())
        self.settings_path.write_text(text.rstrip("\n") + f"\n{key}: {value}\n")

    def in_force(self):
        """(serial, SHA-256) of the newest policy that the ledger shows, or (0, None)."""
        if not (self.ledger / "checkpoint").exists():
            return 0, None
        done = self.command("log", "show", self.folder, "--json", "--kind", "policy.loaded", check=True, timeout=120)
        loaded = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return (loaded[-1]["serial"], loaded[-1]["sha256"]) if loaded else (0, None)

    def approver_keys(self):
        return sorted((self.folder / "approvers").glob("*.key"))

    def signatures(self):
        return sorted(self.folder.glob("policy.yaml.*.minisig"))

    def approve(self, keys=None):
        """Signs policy.yaml as both approvers do, for longer than any clock is moved."""
        for key in keys or self.approver_keys():
            self.command("approve", self.folder, "--key", key, "--expires", "365d", check=True)

    def sign(self, key, comment=None, path=None, out=None, legacy=False):
        """Signs a file with the program minisign, whatever it says; its key file is without a password."""
        path = path or self.policy_path
        public = key.with_suffix(".pub").read_text().split()
        out = out or path.with_name(f"{path.name}.{public[5]}.minisig")
        more = ["-t", comment] if comment is not None else []
        more += ["-l"] if legacy else []
        subprocess.run(["minisign", "-S", "-W", "-s", str(key), "-m", str(path), "-x", str(out), *more],
                       check=True, capture_output=True, timeout=30)
        return out

    def set_policy(self, windows=None, approve=True, **more):
        """Writes policy.yaml and signs it; the default window is open for 20 more days. One that
        follows another names it."""
        now = now_ms()
        windows = windows or [{"opens": now - HOUR, "closes": now + 20 * DAY}]
        self.windows = windows
        more.setdefault("deployment", self.identifier)
        more.setdefault("endpoint", self.endpoint)
        serial, sha256 = self.in_force()
        if more.get("serial", 1) > serial > 0:
            more.setdefault("replaces", sha256)
        self.policy_path.write_text(policy_text(windows=windows, **more))
        if approve:
            self.approve()

    def issue(self, party="caisi", person="evaluator", days=3000, uri=None):
        """A client certificate of the deployment's authority, made with the
        openssl command, so that it may outlive the window. Returns its stem."""
        stem = self.folder / f"issued-{party}-{person}-{days}"
        uri = uri or f"sallyport://{self.identifier}/{party}/{person}"
        extensions = stem.with_suffix(".ext")
        extensions.write_text(f"subjectAltName=URI:{uri}\nextendedKeyUsage=clientAuth\n"
                              "keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n")
        for command in (
            f"openssl ecparam -name prime256v1 -genkey -noout -out {stem}.key",
            f"openssl req -new -key {stem}.key -subj /CN={person} -out {stem}.csr",
            f"openssl x509 -req -in {stem}.csr -CA {self.ca} -CAkey {self.folder}/ca/ca.key "
            f"-set_serial {time.time_ns()} -days {days} -extfile {extensions} -out {stem}.crt",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)
        return stem

    @property
    def ca(self):
        return self.folder / "ca/ca.crt"

    def person(self, party="caisi", person="evaluator"):
        """Stem of the certificate and key that init made."""
        return self.folder / "people" / party / person

    def start(self, env=None, wait=True, program=None, seconds=20, **more):
        daemon = Daemon(self, env or {}, program, **more)
        if wait and not daemon.wait_ready(seconds):
            raise RuntimeError(f"the daemon did not become ready: exit {daemon.process.poll()}")
        return daemon

    def client(self, stem=None, **more):
        return Client(self, stem or self.person(), **more)

    def ask(self, stem=None, dialect="chat", **more):
        """One request on a connection of its own."""
        with self.client(stem) as c:
            return c.ask(dialect, **more)

    def load_command(self, *args, stem=None):
        stem = stem or self.person()
        return [BIN / "bench-load", "--to", f"127.0.0.1:{self.port}", "--cert", f"{stem}.crt",
                "--key", f"{stem}.key", "--ca", self.ca, *args]

    # The ledger, as outsiders read it.

    def verify(self):
        """`sallyport log verify`: 0 if the ledger holds."""
        return self.command("log", "verify", self.folder, timeout=120)

    def entries(self):
        done = self.command("log", "show", self.folder, "--json", check=True, timeout=120)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class SmallDisk:
    """One folder of a deployment on a tmpfs of its own. Needs root."""

    def __init__(self, t, folder, size="6m"):
        self.folder = folder
        saved = t.folder / f"saved-{folder.name}"
        if folder.exists():
            shutil.copytree(folder, saved)
        folder.mkdir(exist_ok=True, mode=0o700)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs",
                               str(folder)], capture_output=True, text=True)
        if done.returncode != 0:
            t.skip(f"cannot mount a small disk: {done.stderr.strip()}")
        t.defer(subprocess.run, ["umount", "-l", str(folder)])
        if saved.exists():
            shutil.copytree(saved, folder, dirs_exist_ok=True)
        self.filler = folder / "filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as f:
            size = 1 << 20
            while size:
                try:
                    while f.write(b"\0" * size) == size:
                        pass
                except OSError:
                    pass
                size //= 2

    def empty(self):
        self.filler.unlink()

    def remount(self, how):
        return subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)],
                              capture_output=True).returncode == 0


# ---------------------------------------------------------------- the daemon


class Daemon:
    """sallyportd. With hooks, a call that a sandbox refuses is named in the log
    and ends the process, so that a forgotten one fails a test."""

    def __init__(self, deployment, env, program=None, **more):
        self.deployment = deployment
        self.log = deployment.log
        self.start_at = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as out:
            self.process = deployment.test.start(
                program or BIN / "sallyportd", "-c", deployment.settings_path,
                stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                env=os.environ | {"SALLYPORT_SANDBOX_DEBUG": "1"} | env, **more)

    def log_text(self):
        with open(self.log, errors="replace") as f:
            f.seek(self.start_at)
            return f.read()

    def wait_log(self, pattern, seconds=10):
        return wait_until(lambda: re.search(pattern, self.log_text()), seconds)

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.deployment.port), 1).close()
            return True
        except OSError:
            return False

    def wait_ready(self, seconds=20):
        """True once it says so and the port answers."""
        def there():
            return self.process.poll() is not None or (
                re.search(r" supervisor (ready|listening)\b", self.log_text()) and self.listens())
        wait_until(there, seconds)
        return self.process.poll() is None and self.listens()

    def pids(self, role):
        """The running processes of a role, from the process table."""
        found = []
        for pid in children(self.process.pid):
            try:
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if b"--role" in command[:-1] and state != "Z":
                name = command[command.index(b"--role") + 1].decode()
                if name.split("/")[0] == role:
                    found.append(pid)
        return found

    def stop(self, seconds=15):
        return end_process(self.process, seconds)


def children(pid):
    try:
        return [int(p) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for p in (task / "children").read_text().split()]
    except OSError:
        return []


def open_files(pid):
    """What a process's descriptors lead to; one may close while we look."""
    found = []
    for f in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(f))
        except FileNotFoundError:
            pass
    return found


class Clock:
    """The file behind SALLYPORT_CLOCK: an offset of the daemon's wall clock."""

    def __init__(self, test, offset=0):
        self.path = test.folder / f"clock-{time.monotonic_ns()}"
        self.path.write_bytes(struct.pack("<q", int(offset)))
        self.env = {"SALLYPORT_CLOCK": str(self.path)}

    def set(self, offset):
        with open(self.path, "r+b") as f:
            os.pwrite(f.fileno(), struct.pack("<q", int(offset)), 0)


# ---------------------------------------------------------------- the client


class Answer:
    def __init__(self):
        self.status, self.fields, self.body = 0, {}, b""
        self.first = self.last = 0.0  # ms UTC, of the answer's bytes
        self.complete = False  # its framing came to an end
        self.closes = False

    def __getitem__(self, name):
        return self.fields.get(name.lower(), "")

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return {}

    @property
    def code(self):
        """Our code in an error body of either dialect, or ''."""
        error = self.json().get("error") or {}
        if not isinstance(error, dict):
            return ""
        return error.get("code") or (error.get("details") or {}).get("error_code") or ""

    @property
    def receipt(self):
        """The entry's index, or -1."""
        head = self["x-sallyport-receipt"].partition(";")[0]
        return int(head) if head.isdigit() else -1

    def __repr__(self):
        return f"<{self.status} {self.fields} {self.body[:300]!r} complete={self.complete}>"


class Closed(Exception):
    """The other side ended the connection; `clean` with a close_notify."""

    def __init__(self, clean):
        super().__init__("closed cleanly" if clean else "cut")
        self.clean = clean


def chat_body(dialect="chat", prompt="hello", model="orion", stream=False, **more):
    body = {"model": model}
    if dialect == "responses":
        body["input"] = prompt
    else:
        body["messages"] = [{"role": "user", "content": prompt}]
    if dialect == "messages":
        body["max_tokens"] = 64
    if stream:
        body["stream"] = True
    return json.dumps(body | more, separators=(",", ":")).encode()


def request_bytes(method="POST", path="/v1/chat/completions", body=b"", fields=(), length=True):
    lines = [f"{method} {path} HTTP/1.1", "host: localhost"]
    if body:
        lines.append("content-type: application/json")
    if length and (body or method == "POST"):
        lines.append(f"content-length: {len(body)}")
    lines += [f"{k}: {v}" for k, v in dict(fields).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Client:
    """A TLS connection down to the bytes: OpenSSL between two memory buffers
    and a socket of ours, so that a test can half-close or stop reading."""

    def __init__(self, deployment, stem, timeout=20, connect=True, receive_buffer=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(deployment.ca)
        if stem:
            context.load_cert_chain(f"{stem}.crt", f"{stem}.key")
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.buffer = b""
        self.received_at = 0.0
        try:
            self.socket.connect(("127.0.0.1", deployment.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._tls(self.tls.do_handshake)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def _feed(self):
        data = self.socket.recv(65536)
        if data:
            self.incoming.write(data)
            self.received_at = now_ms()
        else:
            self.incoming.write_eof()

    def _tls(self, call, *args):
        while True:
            try:
                result = call(*args)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                self._feed()

    def send(self, data):
        self._tls(self.tls.write, data)

    def send_close_notify(self):
        """Our half is over; the other may still speak."""
        try:
            self.tls.unwrap()
        except (ssl.SSLWantReadError, ssl.SSLError):
            pass
        self._flush()

    def read_some(self):
        """Bytes of the stream; Closed when there are no more."""
        try:
            data = self._tls(self.tls.read, 65536)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError, ConnectionError, ssl.SSLError) as e:
            raise Closed(isinstance(e, ssl.SSLZeroReturnError)) from e
        if not data:
            raise Closed(True)
        return data

    def _more(self):
        self.buffer += self.read_some()

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("latin-1")

    def _exactly(self, length):
        while len(self.buffer) < length:
            self._more()
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def read_head(self):
        """The next answer's head, a 1xx included."""
        answer = Answer()
        if not self.buffer:
            self._more()
        answer.first = self.received_at
        answer.status = int(self._line().split()[1])
        while line := self._line():
            name, _, value = line.partition(":")
            answer.fields[name.lower()] = value.strip()
        answer.closes = answer["connection"].lower() == "close"
        return answer

    def read_body(self, answer, head_only=False):
        """Reads the body into the answer; one that is cut stays incomplete."""
        try:
            if answer["transfer-encoding"] == "chunked" and not head_only:
                while length := int(self._line(), 16):
                    answer.body += self._exactly(length)
                    answer.last = self.received_at
                    self._line()
                self._line()
            elif not head_only and answer.status not in (204, 304):
                answer.body = self._exactly(int(answer["content-length"]))
            answer.complete = True
        except Closed as e:
            answer.closed = e
        answer.last = self.received_at
        return answer

    def read_answer(self, head_only=False):
        return self.read_body(self.read_head(), head_only)

    def ask(self, dialect="chat", **more):
        fields = more.pop("fields", {})
        path = more.pop("path", DIALECTS[dialect])
        self.send(request_bytes(path=path, body=chat_body(dialect, **more), fields=fields))
        return self.read_answer()

    def is_closed(self, seconds=2):
        """True if the other side closes without saying more."""
        self.socket.settimeout(seconds)
        try:
            self.read_some()
            return False
        except Closed:
            return True
        except TimeoutError:
            return False


def in_parallel(calls):
    """Runs the calls at once in threads; their results in order."""
    results = [None] * len(calls)

    def one(i):
        try:
            results[i] = calls[i]()
        except Exception as e:
            results[i] = e

    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return results


def events_of(body):
    """(event, data) of server-sent events."""
    found = []
    for block in body.decode(errors="replace").replace("\r\n", "\n").split("\n\n"):
        event, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].lstrip())
        if event or data:
            found.append((event, "\n".join(data)))
    return found


def error_event_code(dialect, body):
    """The code of the error event at a stream's end in its dialect, or ''."""
    events = events_of(body)
    if not events:
        return ""
    event, data = events[-1]
    try:
        told = json.loads(data)
    except ValueError:
        return ""
    error = told.get("error") or {}
    if dialect == "chat":
        return error.get("code", "") if event in ("", "error") else ""
    if event != "error" or told.get("type") != "error":
        return ""
    if dialect == "responses":
        return told.get("code", "") if error.get("code") == told.get("code") else ""
    return (error.get("details") or {}).get("error_code", "")


# ------------------------------------------- a mixed load, under sanitizers

SANITIZER_OPTIONS = "exitcode=99:abort_on_error=0"
SANITIZERS = {"ASAN_OPTIONS": SANITIZER_OPTIONS + ":detect_leaks=1",
              "UBSAN_OPTIONS": SANITIZER_OPTIONS + ":print_stacktrace=1",
              "TSAN_OPTIONS": SANITIZER_OPTIONS}
SANITIZERS_SAY = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer",
                  "FATAL: ThreadSanitizer")


def need_sanitizer(test, name):
    """Skips unless the daemon is a build with `asan` or `tsan`."""
    if f"__{name}_init".encode() not in (BIN / "sallyportd").read_bytes():
        test.skip(f"{BIN} is not a build with {name}: SP_BIN=build/{name}/bin")


def ask_unwelcome(d):
    """Requests of every unwelcome kind."""
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", request_bytes(body=b"{"),
                 request_bytes(body=chat_body(model="x")), request_bytes(body=chat_body(), fields={"expect": "x"}),
                 request_bytes(body=chat_body(), fields={"transfer-encoding": "chunked"}),
                 request_bytes("GET", "/v1/models"), request_bytes("HEAD", "/v1/models")):
        with d.client() as c:
            c.send(data)
            c.read_head()


def leave_early(d):
    """Clients that go at every stage."""
    request = request_bytes(body=chat_body(stream=True, prompt="bench:events=1000,pace=5"))
    for cut in (1, 40, len(request) - 5, len(request)):
        for how in ("close", "reset", "send_close_notify"):
            c = d.client()
            c.send(request[:cut])
            time.sleep(0.02)
            getattr(c, how)()
            c.close()


def is_served(d):
    """A request passes, within a time that leaves room for another try."""
    try:
        with d.client(timeout=5) as c:
            return c.ask().status == 200
    except (OSError, Closed):
        return False


def load_mixed(test, d, idle=1000, idle_ms=25000):
    """Every mode of the load generator at once, with unwelcome requests and
    clients that leave."""
    more = {"warm": ("--connections", "20", "--requests", "1500"),
            "handshake": ("--connections", "5", "--requests", "60"),
            "stream": ("--connections", "160", "--prompt", "bench:events=60,pace=25"),
            "hold": ("--connections", "40", "--duration", "6000"),
            "idle": ("--connections", str(idle), "--duration", str(idle_ms))}
    paths = list(DIALECTS.values())
    started = [test.start(*d.load_command("--mode", mode, "--path", paths[i % 3], *args),
                          stdout=subprocess.PIPE, text=True) for i, (mode, args) in enumerate(more.items())]
    ask_unwelcome(d)
    leave_early(d)
    for mode, p in zip(more, started):
        out, _ = p.communicate(timeout=90)
        summary = out.splitlines()[-1] if out else ""
        test.ok(p.returncode == 0 and '"errors":0' in summary, f"load {mode} ends without errors", summary)


def check_sanitizers(test, daemon, kills, workers=1):
    """Stops the daemon; then every role's checks at its exit have run, too."""
    test.equal(daemon.stop(60), 0, "the daemon ends cleanly")
    text = daemon.log_text()
    ends = re.findall(r"role_ended role=(\S+) .*?((?:exit|signal)=\d+)", text)
    test.equal(sorted(e for _, e in ends if e != "exit=0"), ["signal=9"] * kills,
               f"every process ended by itself, but for {kills} that were killed")
    test.equal(len([e for _, e in ends if e == "exit=0"]), 4 + workers, "each role's checks at its exit have run")
    found = [line for line in text.splitlines() if any(w in line for w in SANITIZERS_SAY)]
    test.equal(found, [], "no sanitizer reports anything")
    if found:
        print(text[text.index(found[0]):][:6000])
