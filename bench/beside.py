# SPDX-License-Identifier: Apache-2.0
"""Two proxies beside each other, ours and nginx: started, loaded, and their CPU time read. Both are pinned to
one core; the load generator and the back end share another. What bench/quick and bench/handshake have in
common."""
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROXY_CORE, LOAD_CORE = "0", "1"

# Budgets that a load generator does not reach; the rest is as init makes it.
TERMS = """\
    budget:
      person: {concurrent: 16384, requests_per_minute: 10M}
"""


def fail(text):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            fail(f"{process.args[3]} ended at start; see {process.log}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    fail(f"nothing listens on port {port}; see {process.log}")


def descendants(pid):
    """pid and every process below it."""
    found = [pid]
    for parent in found:
        for task in pathlib.Path(f"/proc/{parent}/task").glob("*"):
            found += map(int, (task / "children").read_text().split())
    return found


def role(pid):
    """What a process of ours calls itself; the first has no role."""
    title = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    return title.partition(": ")[2].split(" ")[0] or "supervisor"


def cpu_seconds(pid):
    """{role: CPU time so far} of a process and all below it.
    /proc/PID/schedstat has it to the nanosecond; utime + stime of
    /proc/PID/stat come in 10 ms steps and serve where the kernel keeps no
    schedstat."""
    spent = {}
    for each in descendants(pid):
        tasks = list(pathlib.Path(f"/proc/{each}/task").glob("*"))
        try:
            seconds = sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1e9
        except OSError:
            fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        spent[role(each)] = spent.get(role(each), 0.0) + seconds
    return spent


def with_budget(policy):
    """The policy with TERMS as the budget of its (only) terms."""
    head, mark, rest = policy.partition("\nterms:\n")
    lines = rest.splitlines(keepends=True)
    kept, skipping = [], False
    for line in lines:
        depth = len(line) - len(line.lstrip())
        skipping = line.startswith("    budget:") or (skipping and depth > 4)
        if not skipping:
            kept.append(line)
    name = next(i for i, l in enumerate(kept) if l.startswith("  ") and not l.lstrip().startswith("#"))
    return head + mark + "".join(kept[:name + 1]) + TERMS + "".join(kept[name + 1:])


class Bench:
    def __init__(self, bin_folder, folder):
        self.bin, self.folder = bin_folder, folder
        self.running = []

    def start(self, core, *args, **more):
        log = self.folder / (pathlib.Path(args[0]).name + ".log")
        with open(log, "wb") as out:
            kept = {"stdout": out, "stderr": out} | more
            p = subprocess.Popen(["taskset", "-c", core, *map(str, args)], **kept)
        p.log = log
        self.running.append(p)
        return p

    def stop_all(self):
        for p in reversed(self.running):
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(10)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()

    def start_backend(self):
        p = self.start(LOAD_CORE, self.bin / "bench-backend", "127.0.0.1:0",
                       stdout=subprocess.PIPE, text=True)
        self.backend = f"127.0.0.1:{json.loads(p.stdout.readline())['port']}"

    def start_ours(self, *more):
        """A deployment as `sallyport init` makes it, with one worker; `more`: lines of its settings."""
        port = free_port()
        self.deployment = self.folder / "deployment"
        subprocess.run([self.bin / "sallyport", "init", self.deployment,
                        "--listen", f"127.0.0.1:{port}", "--model", "orion",
                        "--endpoint", f"http://{self.backend}", "--party", "bench",
                        "--person", "load", "--lasts", "1d"],
                       check=True, stdout=subprocess.DEVNULL)
        policy = self.deployment / "policy.yaml"
        policy.write_text(with_budget(policy.read_text()))
        for key in sorted((self.deployment / "approvers").glob("*.key")):
            subprocess.run([self.bin / "sallyport", "approve", self.deployment, "--key", key],
                           check=True, stdout=subprocess.DEVNULL)
        settings = self.deployment / "sallyport.yaml"
        lines = [l for l in settings.read_text().splitlines() if not l.startswith("workers:")]
        lines += ["workers: 1"] + [line.replace("@port@", str(port)) for line in more]
        if any(line.startswith("listeners:") for line in more):
            lines = [l for l in lines if not l.startswith("listen:")]
        settings.write_text("\n".join(lines) + "\n")
        p = self.start(PROXY_CORE, self.bin / "sallyportd", "-c", settings)
        wait_for_port(port, p)
        return p.pid, port

    def start_nginx(self, protocols="TLSv1.3"):
        port = free_port()
        folder = self.folder / "nginx"
        folder.mkdir()
        words = {"folder": folder, "backend": self.backend, "listen": f"127.0.0.1:{port}",
                 "certificate": self.deployment / "keys/server.crt",
                 "key": self.deployment / "keys/server.key",
                 "anchors": self.deployment / "ca/ca.crt", "protocols": protocols}
        text = (ROOT / "bench/nginx.conf").read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        (folder / "nginx.conf").write_text(text)
        p = self.start(PROXY_CORE, nginx_path(), "-c", folder / "nginx.conf",
                       "-e", folder / "nginx.log", "-p", folder)
        wait_for_port(port, p)
        return p.pid, port

    def load(self, port, mode, *args, person=None):
        person = person or self.deployment / "people/bench/load"
        return self.start(LOAD_CORE, self.bin / "bench-load", "--to", f"127.0.0.1:{port}",
                          "--cert", f"{person}.crt", "--key", f"{person}.key",
                          "--ca", self.deployment / "ca/ca.crt", "--mode", mode, *args,
                          stdout=subprocess.PIPE, text=True)

    def measure(self, proxy, job):
        """{role: µs of CPU} of the proxy's processes for each unit of work."""
        pid, port = proxy
        before, done = cpu_seconds(pid), 0
        p = self.load(port, job.mode, *job.args, person=job.person)
        for line in p.stdout:
            told = json.loads(line)
            if told["kind"] == "ready" and not job.from_start:
                before, done = cpu_seconds(pid), told[job.ready_unit]
            if told["kind"] == "summary":
                summary = told
        if p.wait(60) != 0 or summary["errors"] or summary["refused"]:
            fail(f"{job.name}: {summary}")
        time.sleep(0.2)  # what is written behind the answers is counted too
        units = summary[job.unit] - done
        return {who: (seconds - before.get(who, 0)) * 1e6 / units for who, seconds in cpu_seconds(pid).items()}


class Job:
    def __init__(self, name, mode, unit, ready_unit, from_start, args, person=None):
        self.name, self.mode, self.unit, self.ready_unit = name, mode, unit, ready_unit
        self.from_start, self.args, self.person = from_start, [str(a) for a in args], person


def nginx_path():
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def prepare(args):
    """Builds; returns the folder with the programs."""
    if nginx_path() is None:
        subprocess.run([ROOT / "scripts/bootstrap", "--bench"], check=True)
    if args.bin:
        return pathlib.Path(args.bin).resolve()
    for command in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return ROOT / "build/release/bin"


def machine():
    cpu = next((l.split(":", 1)[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
    version = subprocess.run([nginx_path(), "-v"], capture_output=True, text=True).stderr.strip()
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.strip()
    return f"{cpu}, Linux {os.uname().release}, {openssl}, {version.removeprefix('nginx version: ')}"


def rounds(bench, ours, nginx, jobs, count, longest):
    """{job: (ours, nginx)}, each a list of what the rounds gave; the two take turns in being first."""
    results = {job.name: ([], []) for job in jobs}
    began = time.monotonic()
    for number in range(count):
        if (time.monotonic() - began) * (number + 1) / max(number, 1) > longest:
            print("no time for more rounds: the machine is busy", file=sys.stderr)
            break
        for job in jobs:
            pair = [(0, ours), (1, nginx)]
            for side, proxy in pair if number % 2 == 0 else reversed(pair):
                results[job.name][side].append(bench.measure(proxy, job))
        print(f"round {number + 1} of {count}", file=sys.stderr)
    return results


def report(results):
    print(f"\n{machine()}")
    print("CPU of all processes of each proxy, µs per unit, median of the rounds (spread):\n")
    print(f"{'':26}{'sallyport':>26}{'nginx':>26}{'ratio':>8}")
    for name, sides in results.items():
        ours, nginx = ([sum(roles.values()) for roles in side] for side in sides)
        cells = [f"{statistics.median(v):.1f} ({min(v):.1f}–{max(v):.1f})" for v in (ours, nginx)]
        ratio = statistics.median(a / b for a, b in zip(ours, nginx))
        print(f"{name:26}{cells[0]:>26}{cells[1]:>26}{ratio:>8.2f}")
    print("\nOf ours, by process, median:\n")
    for name, (ours, _) in results.items():
        shares = {who: statistics.median(r.get(who, 0) / sum(r.values()) for r in ours) for who in ours[0]}
        print(f"{name:26}  " + "  ".join(f"{who} {share:.0%}" for who, share in shares.items() if share >= 0.005))
    print("\nOurs also parses every body, decides, and writes a signed, durable ledger"
          "\non a disk; nginx forwards.")


def run(args, measure):
    """Builds, makes a folder and a back end, calls measure(bench) for results and prints them."""
    if os.cpu_count() < 2:
        fail("needs two cores")
    bin_folder = prepare(args)
    folder = ROOT / f"build/bench-{os.getpid()}"
    folder.mkdir(parents=True)
    bench = Bench(bin_folder, folder)
    try:
        bench.start_backend()
        report(measure(bench))
    finally:
        bench.stop_all()
    shutil.rmtree(folder)
