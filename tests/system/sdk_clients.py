# SPDX-License-Identifier: Apache-2.0
"""The official npm clients for the tests that use them: installed once into
build/sdk, and driven. A Driver is one program of sdk/ per client, which makes
calls as it is told, one JSON line each, and tells what the client made of it."""
import fcntl
import json
import os
import shutil
import subprocess
import threading

from harness import ROOT

SOURCE = ROOT / "tests/system/sdk"
BUILT = ROOT / "build/sdk"


def missing(t, why):
    """On somebody's machine without the registry, a reason to skip; never in CI."""
    if os.environ.get("CI"):
        raise RuntimeError(why)
    t.skip(why)


def install(t, source=SOURCE, built=BUILT):
    """Copies the files and fetches the packages once per lock file; tests that
    run at the same time wait for the one that does."""
    if shutil.which("npm") is None:
        missing(t, "npm is not installed: scripts/bootstrap")
    built.mkdir(parents=True, exist_ok=True)
    with open(built / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_locked(t, source, built)


def install_locked(t, source, built):
    lock = (source / "package-lock.json").read_bytes()
    stamp = built / "installed-lock.json"
    for file in source.glob("*.*"):
        # Another test's program may be reading the one that is there.
        if not (built / file.name).exists() or (built / file.name).read_bytes() != file.read_bytes():
            shutil.copy(file, built)
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=built,
                          capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        missing(t, f"npm ci failed: {done.stderr.strip().splitlines()[-1:]}")
    stamp.write_bytes(lock)


class Call:
    """One call of a client's: `begun` once the first event of its stream is
    there, `over` with what it threw in `told`."""

    def __init__(self):
        self.begun, self.over, self.told = threading.Event(), threading.Event(), None

    def wait(self, seconds=90):
        """What became of it; an error of our own if nothing did."""
        return self.told if self.over.wait(seconds) else {"class": f"nothing within {seconds} s", "attempts": []}


class Driver:
    """A client's program. Calls run at the same time."""

    def __init__(self, t, name):
        self.calls = []
        self.errors = t.folder / f"{name}.log"
        self.process = t.start("node", BUILT / f"{name}.mjs", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=self.errors.open("w"), text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def call(self, **what):
        call = Call()
        self.calls.append(call)
        self.process.stdin.write(json.dumps(what | {"id": len(self.calls) - 1}) + "\n")
        self.process.stdin.flush()
        return call

    def _read(self):
        for line in self.process.stdout:
            told = json.loads(line)
            call = self.calls[told["id"]]
            call.begun.set()
            if not told.get("begun"):
                call.told = told
                call.over.set()
