# SPDX-License-Identifier: Apache-2.0
"""What the tests of witnesses share: a log made in Python alone (Merkle tree,
notes, proofs; signatures by the openssl command), and `sallyport log witness`
as a process. Nothing here uses the code that is tested."""
import base64
import hashlib
import http.client
import subprocess

from harness import BIN

DASH = "\u2014"


def key_of(seed, test):
    """The private key file of an Ed25519 seed (RFC 8410), and its public key."""
    path = test.folder / f"ed25519-{hashlib.sha256(seed).hexdigest()[:12]}.der"
    path.write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)
    der = subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", path, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    return path, der[-32:]


def key_id(name, kind, public):
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def vkey(name, kind, public):
    return f"{name}+{key_id(name, kind, public).hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def sign(key, message, test):
    source = test.folder / "to-sign"
    source.write_bytes(message)
    return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-keyform", "DER", "-in", source],
                          check=True, capture_output=True).stdout


def verifies(public, message, signature, test):
    der, text, sig = (test.folder / f"verify.{x}" for x in ("der", "text", "sig"))
    der.write_bytes(bytes.fromhex("302a300506032b6570032100") + public)
    text.write_bytes(message)
    sig.write_bytes(signature)
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", der, "-keyform", "DER",
                           "-in", text, "-sigfile", sig], capture_output=True).returncode == 0


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


def proof(m, leaves, whole=True):
    """RFC 6962 section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [root(leaves)]
    k = 1 << (n - 1).bit_length() - 1
    if m <= k:
        return proof(m, leaves[:k], whole) + [root(leaves[k:])]
    return proof(m - k, leaves[k:], False) + [root(leaves[:k])]


class Log:
    """A log of anybody's: entry i is i in decimal, but for those of `other`."""

    def __init__(self, test, origin, seed, other=None):
        self.test, self.origin, self.other = test, origin, other or {}
        self.key, self.public = key_of(seed, test)
        self.vkey = vkey(origin, 1, self.public)

    def leaves(self, n):
        return [leaf(self.other.get(i, str(i)).encode()) for i in range(n)]

    def note(self, n, root_hash=None, extension=""):
        head = root_hash or root(self.leaves(n))
        text = f"{self.origin}\n{n}\n{base64.b64encode(head).decode()}\n{extension}"
        blob = key_id(self.origin, 1, self.public) + sign(self.key, text.encode(), self.test)
        return f"{text}\n{DASH} {self.origin} {base64.b64encode(blob).decode()}\n"

    def request(self, old, n):
        lines = [base64.b64encode(h).decode() for h in proof(old, self.leaves(n))] if 0 < old < n else []
        return "".join(x + "\n" for x in [f"old {old}", *lines, ""]) + self.note(n)


def cosignature(line, note, witness_vkey, test):
    """The time in a cosignature line over a note's text if openssl says that it holds, else None."""
    name, _, key = witness_vkey.partition("+")
    public = base64.b64decode(key.partition("+")[2])[1:]
    dash, who, blob = line.rstrip("\n").split(" ")
    blob = base64.b64decode(blob, validate=True)
    time = int.from_bytes(blob[4:12], "big")
    text = note[:note.rindex("\n\n") + 1]
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    good = dash == DASH and who == name and len(blob) == 76 and blob[:4].hex() == key.partition("+")[0] \
        and verifies(public, message, blob[12:], test)
    return time if good else None


class Witness:
    """`sallyport log witness --listen`, with a key and a state of its own."""

    def __init__(self, test, name, logs, folder=None):
        self.test, self.name = test, name
        self.folder = folder or test.folder / name.replace("/", "-")
        self.folder.mkdir(exist_ok=True)
        self.key, self.state, self.logs = (self.folder / x for x in ("key", "state", "logs"))
        if not self.key.exists():
            self.vkey = subprocess.run([BIN / "sallyport", "log", "witness", "keygen", name, "-o", self.key],
                                       check=True, capture_output=True, text=True).stdout.strip()
        self.logs.write_text("".join(f"{x}\n" for x in logs))
        self.log = self.folder / "witness.log"
        self.port = 0
        self.process = None

    def arguments(self):
        return ["--key", self.key, "--state", self.state, "--logs", self.logs]

    def start(self):
        with open(self.log, "ab") as out:
            self.process = self.test.start(BIN / "sallyport", "log", "witness", "--listen", f"127.0.0.1:{self.port}",
                                           *self.arguments(), stdout=subprocess.PIPE, stderr=out, text=True)
        said = self.process.stdout.readline()
        if "port=" not in said:
            raise RuntimeError(f"the witness did not start: {self.log.read_text()}")
        self.port = int(said.rpartition("port=")[2])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def stop(self):
        self.process.terminate()
        return self.process.wait(10)

    def ask(self, method, path, body=None, fields=None):
        """(status, content type, text)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        c.request(method, path, body.encode() if isinstance(body, str) else body, fields or {})
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        return answer.status, answer.getheader("content-type"), text

    def add(self, body):
        return self.ask("POST", "/add-checkpoint", body)

    def latest(self, origin):
        return self.ask("GET", f"/{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint")

    def cosign(self, ledger, *more):
        """`--cosign`, which wants the state for itself."""
        return subprocess.run([BIN / "sallyport", "log", "witness", "--cosign", ledger, *self.arguments(), *more],
                              capture_output=True, text=True, timeout=60)
