# SPDX-License-Identifier: Apache-2.0
"""The examples of README.md and docs/*.md, run as their readers run them.

A page is read block by block, and each block says itself what becomes of it
(docs/testing.md, "Examples"). A block that does not say it is an error, so that no
example slips by. The commands of a page run in order in one shell with a home
and a folder of their own; ports that the page names are replaced by free ones.
"""
import dataclasses
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

from harness import BIN, ROOT, SANITIZERS_SAY, free_port, run

HERE = pathlib.Path(__file__).resolve().parent
# One page's commands all together, and how long a started server may take.
PAGE_SECONDS = 150
READY_SECONDS = 20

# ---------------------------------------------------------------- reading a page


@functools.cache
def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@dataclasses.dataclass
class Block:
    line: int  # of its first line of text, from 1
    kind: str  # sh, output, yaml, json, text; hidden: sh that is not shown
    info: str  # what stands behind the kind
    text: str
    hidden: bool = False

    @property
    def reason(self):
        """Why it is not run or checked, or None."""
        if self.info == "as root" and not may_mount():
            return "needs root, and to be allowed to mount"
        found = re.fullmatch(r"not (?:run|checked): (\S.*)", self.info)
        return found and found[1]

    @property
    def types(self):
        """What its reader types, line by line."""
        found = re.fullmatch(r"typing: (.*)", self.info)
        return found[1].split(", ") if found else []


class Wrong(Exception):
    """An example that is not as it should be: page:line: what."""


INFO = {  # what may stand behind each kind
    "sh": r"|not run: \S.*|exit=\d+|typing: \S.*|as root",
    "output": r"",
    "yaml": r"(policy|settings)( [\w.-]+)?|not checked: \S.*",
    "json": r"|not checked: \S.*",
    "python": r"",
    "text": r"",
}


def read_page(text, name):
    """Its blocks in order, hidden ones included, and a list of what is wrong."""
    blocks, wrong, lines = [], [], text.split("\n")
    listed = 0  # indentation of the text of the list that we are in
    before, i = "", 0
    while i < len(lines):
        line = lines[i]
        fence = re.match(r"( *)(`{3,}|~{3,})(.*)$", line)
        if fence:
            end = next((j for j in range(i + 1, len(lines))
                        if lines[j].strip() == fence[2]), None)
            if end is None:
                wrong.append(f"{name}:{i + 1}: this block has no end")
                break
            cut = len(fence[1])
            kind, _, info = fence[3].strip().partition(" ")
            body = "\n".join(x[cut:] if not x[:cut].strip() else x for x in lines[i + 1:end]) + "\n"
            if kind not in INFO or not re.fullmatch(INFO[kind], info.strip()):
                wrong.append(f"{name}:{i + 1}: what is to become of this block is not said "
                             f"(```{fence[3].strip()}): see docs/testing.md, \"Examples\"")
            elif kind == "text" and re.search(r"(?m)^ *(\$|sudo|sallyportd|curl) ", body):
                wrong.append(f"{name}:{i + 1}: what is typed is a block of sh")
            else:
                blocks.append(Block(i + 2, kind, info.strip(), body))
            i, before = end + 1, "```"
            continue
        if re.match(r" *<!-- *sh\b", line):
            end = next((j for j in range(i, len(lines)) if "-->" in lines[j]), None)
            found = end and re.fullmatch(r" *<!-- *sh( exit=\d+| as root|)\n(.*?)\n?-->",
                                         "\n".join(lines[i:end + 1]), re.S)
            if not found:
                wrong.append(f"{name}:{i + 1}: a hidden block is <!-- sh, lines, -->")
                break
            blocks.append(Block(i + 2, "sh", found[1].strip(), found[2] + "\n", True))
            i, before = end + 1, ""
            continue
        if re.match(r" {4}", line) and not before.strip() and len(line) - len(line.lstrip()) >= listed + 4:
            end = i
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (listed + 4))):
                end += 1
            body = [x.strip() for x in lines[i:end] if x.strip()]
            if all(x.startswith('{"n":') for x in body):
                blocks.append(Block(i + 1, "json", "", "\n".join(body) + "\n"))
            else:
                wrong.append(f"{name}:{i + 1}: what is to become of this indented block is not said: "
                             "use a fence (docs/testing.md, \"Examples\")")
            i, before = end, ""
            continue
        item = re.match(r"( {0,3}(?:[-*+]|\d{1,3}[.)]) +)\S", line)
        if item:
            listed = len(item[1])
        elif line.strip() and not line.startswith("  "):
            listed = 0
        before, i = line, i + 1
    after = None
    for b in blocks:
        if b.kind == "output" and (after is None or (after.reason and after.info != "as root")):
            wrong.append(f"{name}:{b.line}: output of nothing that was run")
        after = b if b.kind == "sh" and not b.hidden else after
    return blocks, wrong


# -------------------------------------------------------------- checking a block


def check_json(block):
    """One JSON text, or one a line."""
    try:
        json.loads(block.text)
    except ValueError:
        for line in block.text.splitlines():
            json.loads(line)


def yaml_tree(lines, depth=0):
    """Block mappings as dicts of their lines; whatever else stays lines."""
    tree, i = {}, 0
    while i < len(lines):
        key = re.match(rf" {{{depth}}}([\w.\"-]+):(.*)$", lines[i])
        if not key:
            return lines
        end = i + 1
        while end < len(lines) and (lines[end].startswith(" " * (depth + 1))):
            end += 1
        inner = lines[i + 1:end]
        if key[2].strip() or not inner:
            tree[key[1]] = [key[2].strip()] + inner
        else:
            step = len(inner[0]) - len(inner[0].lstrip())
            tree[key[1]] = yaml_tree(inner, step)
            if isinstance(tree[key[1]], list):
                tree[key[1]] = [""] + inner
        i = end
    return tree


def yaml_merge(base, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            yaml_merge(base[key], value)
        else:
            base[key] = value


def yaml_text(tree, depth=0):
    out = []
    for key, value in tree.items():
        if isinstance(value, dict):
            out += [" " * depth + f"{key}:"] + yaml_text(value, depth + 2)
        else:
            out += [" " * depth + f"{key}: {value[0]}".rstrip()]
            # Lists and flow mappings over several lines: deep enough anywhere.
            strip = min((len(x) - len(x.lstrip()) for x in value[1:]), default=0)
            out += [" " * (depth + 2) + x[strip:] for x in value[1:]]
    return out


def yaml_lines(text):
    lines = [re.sub(r"(^|\s+)#( .*|)$", "", x) for x in text.splitlines()]
    return [x for x in lines if x.strip()]


def check_fragment(folder, which, path, text):
    """Merges a fragment into the deployment in ./gate, or a new one, and has
    `sallyport check` judge it: exit status and what it says."""
    copy = folder / "yaml"
    shutil.rmtree(copy, ignore_errors=True)
    if (folder / "gate").is_dir():
        # Without its ledger: another policy than the one in force. And without sockets.
        shutil.copytree(folder / "gate", copy, ignore=lambda d, names: [
            n for n in names if n in ("ledger", "transcripts") or pathlib.Path(d, n).is_socket()])
    else:
        subprocess.run([BIN / "sallyport", "init", copy, "--model", "orion", "--endpoint",
                        "http://127.0.0.1:8000", "--party", "caisi", "--person", "evaluator"],
                       check=True, capture_output=True, timeout=20)
    # A hash that is told by its beginning: it is the file's that stands beside it.
    text = re.sub(r"file: ([^\s,}]+), sha256: [0-9a-f]*…", lambda m: f"file: {m[1]}, sha256: "
                  + hashlib.sha256((copy / m[1]).read_bytes()).hexdigest(), text)
    merge(copy, which, path, text)
    done = subprocess.run([BIN / "sallyport", "check", copy], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout + done.stderr


def merge(deployment, which, path, text):
    """Puts a fragment into the policy or the settings of a deployment."""
    file = deployment / ("policy.yaml" if which == "policy" else "sallyport.yaml")
    more = yaml_tree(yaml_lines(text))
    for key in reversed(path.split(".") if path else []):
        more = {key: more}
    base = yaml_tree(yaml_lines(file.read_text()))
    if "listeners" in more:
        base.pop("listen", None)
    yaml_merge(base, more)
    file.write_text("\n".join(yaml_text(base)) + "\n")


def check_output(expected, seen):
    """The first expected line that does not come in its turn, or None. `…`
    stands for anything, runs of blanks for one."""
    lines = iter([" ".join(x.split()) for x in seen.splitlines()])
    for want in filter(str.strip, expected.splitlines()):
        pattern = ".*?".join(re.escape(part) for part in " ".join(want.split()).split("…"))
        if not any(re.fullmatch(pattern, line) for line in lines):
            return want
    return None


# ---------------------------------------------------------------- running a page

PRELUDE = """\
set -eE -o pipefail
failed() { echo "failed $1 $2" >&3; }
EXAMPLES=EXAMPLES_PATH
# For set-up: merges lines into gate/policy.yaml under a path, and signs it; the same of sallyport.yaml.
policy() {
    python3 $EXAMPLES merge policy "${1-}"
    for k in gate/approvers/*.key; do sallyport approve gate --key $k; done
}
settings() { python3 $EXAMPLES merge settings "${1-}"; }
trap 'failed $((LINENO)) $?' ERR
""".replace("EXAMPLES_PATH", str(HERE / "examples.py"))


class Shell:
    """The commands of one page in one bash, with a terminal that types what
    examples say is typed."""

    def __init__(self, folder, name, blocks, seconds):
        self.folder, self.name, self.blocks, self.seconds = folder, name, blocks, seconds
        self.ports, self.said, self.now, self.fault = {}, "", None, None
        (folder / "home").mkdir(parents=True)
        (folder / "work").mkdir()
        (folder / "out").mkdir()

    def rewrite(self, text):
        """Fixed ports become free ones; gate.example is this machine."""
        def port(found):
            return f"127.0.0.1:{self.ports.setdefault(found[2], free_port())}"
        return re.sub(r"\b(127\.0\.0\.1|localhost|gate\.example):(\d{4,5})\b", port, text)

    def output(self, n):
        if n is None:
            return self.said
        path = self.folder / f"out/{n:02}.out"
        return (path.read_text(errors="replace") if path.exists() else "") + (self.said if n == self.now else "")

    def script(self):
        parts = [PRELUDE]
        for n, b in enumerate(self.blocks):
            if b.kind == "yaml" and not b.reason:
                which, _, path = b.info.partition(" ")
                command = f"python3 {HERE}/examples.py {which} '{path}' <<'EOF_EXAMPLE'\n{b.text}EOF_EXAMPLE\n"
            elif b.kind == "sh" and not b.reason:
                command = self.rewrite(b.text)
            else:
                continue
            # The terminal is for those who type; whoever else asks gets nothing.
            places = "</dev/tty >/dev/tty 2>&1" if b.types else f"</dev/null >'{self.folder}/out/{n:02}.out' 2>&1"
            parts.append(f"echo 'begin {n}' >&3\nread -r -u 4\nexec {places}\n")
            wanted = re.fullmatch(r"exit=(\d+)", b.info)
            first = "".join(parts).count("\n")
            b.script_line = first + 1
            if wanted:
                parts.append(f"set +e; trap - ERR\n{command}S=$?; set -e; trap 'failed $((LINENO)) $?' ERR\n"
                             f"[ $S = {wanted[1]} ] || {{ echo \"exit status $S\"; failed {first + 2} $S; exit 1; }}\n")
                b.script_line += 1
            else:
                parts.append(command)
            parts.append("trap - ERR; set +e\nfor p in $(jobs -p); do case \" $READY \" in *\" $p \"*) continue ;; esac\n"
                         f"READY=\"$READY $p\"; python3 $EXAMPLES ready $p || {{ failed {first + 1} ready; exit 1; }}; done\n"
                         "set -e; trap 'failed $((LINENO)) $?' ERR\n")
        parts.append("echo end >&3\ntrap - ERR; set +e\nkill $(jobs -p) 2>/dev/null; wait\n")
        return "".join(parts)

    def run(self):
        """Raises Wrong for the first example that fails."""
        script = self.folder / "script"
        told, tell = os.pipe()
        go_on, may_go_on = os.pipe()
        script.write_text(self.script().replace(">&3", f">&{tell}").replace("-u 4", f"-u {go_on}"))
        environment = {
            "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8", "TMPDIR": str(self.folder), "SP_BIN": str(BIN), "TERM": "dumb",
            "SALLYPORT_SANDBOX_DEBUG": "1",
        }
        terminal, users = os.openpty()  # `users` stays open: the terminal outlives blocks
        process = subprocess.Popen(
            ["bash", str(script)], stdin=users, stdout=users, stderr=users, env=environment,
            cwd=self.folder / "work", start_new_session=True, pass_fds=[tell, go_on],
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(tell)
        os.close(go_on)
        try:
            self.follow(process, told, terminal, may_go_on)
        finally:
            self.end(process)
            for number in (told, terminal, users, may_go_on):
                os.close(number)

    def read_terminal(self, terminal, seconds=0.0):
        while select.select([terminal], [], [], seconds)[0]:
            self.said += os.read(terminal, 65536).decode(errors="replace").replace("\r\n", "\n")
            seconds = 0

    def follow(self, process, told, terminal, may_go_on):
        """Reads what the script tells of itself, and types what it asks for."""
        notes, typed = "", 0
        end = time.monotonic() + self.seconds
        while True:
            if time.monotonic() > end:
                raise Wrong(f"{self.where()}: not over after {self.seconds} s; it said\n"
                            + self.output(self.now)[-1500:])
            over = process.poll() is not None  # though what it started may still hold the pipe
            data = os.read(told, 4096).decode() if select.select([told], [], [], 0.05)[0] else ""
            if not data:
                self.read_terminal(terminal)
                if over:
                    self.keep_said()
                    raise Wrong(f"{self.where()}: the example fails ({' '.join(self.fault or ['the shell ended'])}):\n"
                                + self.output(self.now)[-1500:])
                typed = self.type(terminal, typed)
                continue
            notes += data
            while "\n" in notes:
                line, _, notes = notes.partition("\n")
                word, *more = line.split()
                if word == "failed":
                    self.fault = self.fault or more
                    continue
                self.read_terminal(terminal)
                self.keep_said()
                if word == "end":
                    return
                self.now, typed = int(more[0]), 0
                os.write(may_go_on, b"\n")

    def keep_said(self):
        """What the terminal showed is the output of a block that types."""
        if self.now is not None and self.blocks[self.now].types:
            (self.folder / f"out/{self.now:02}.out").write_text(self.said)
        self.said = ""

    def where(self):
        """Page and line of the command that is run, or failed."""
        if self.now is None:
            return self.name
        block = self.blocks[self.now]
        return f"{self.name}:{block.line + (max(0, int(self.fault[0]) - block.script_line) if self.fault else 0)}"

    def type(self, terminal, typed):
        """Types the next answer of the block if something asks: the number typed."""
        answers = self.blocks[self.now].types if self.now is not None else []
        prompt = self.said.rpartition("\n")[2]  # a line that is not ended
        if typed == len(answers) or not re.search(r"[:?)\]>] ?$", prompt):
            return typed
        # What is typed before the echo is switched off would be thrown away.
        if re.search(r"(?i)password|passphrase|pin\b", prompt) and termios.tcgetattr(terminal)[3] & termios.ECHO:
            return typed
        self.said += "\n"
        os.write(terminal, answers[typed].encode() + b"\n")
        return typed + 1

    def end(self, shell):
        """Ends the page's shell and what it left behind: its session is ours, and so is what it mounted."""
        self.end_session(shell)
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            if line.split()[1].startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", line.split()[1]], check=False)

    def end_session(self, shell):
        for how in (signal.SIGTERM, signal.SIGKILL):
            for number in session_of(shell.pid):
                try:
                    os.kill(number, how)
                except ProcessLookupError:
                    pass
            until = time.monotonic() + 10
            while time.monotonic() < until and (shell.poll() is None or session_of(shell.pid)):
                time.sleep(0.02)


def session_of(leader):
    """Pids of the processes, but dead ones, whose session has this leader."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = pathlib.Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry))
    return found


def wait_ready(pid):
    """Waits until a program that an example put into the background answers."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return 0
        if state == "Z":
            return 0
        if answers(pid, words):
            return 0
        time.sleep(0.03)
    print(f"not ready after {READY_SECONDS} s: {words}")
    return 1


def answers(pid, words):
    name = pathlib.Path(words[0]).name if words else ""
    if name == "sallyportd" and "-c" in words:
        return subprocess.run([BIN / "sallyport", "status", words[words.index("-c") + 1]],
                              capture_output=True, timeout=10, cwd=f"/proc/{pid}/cwd").returncode == 0
    if name == "sallyport" and "--listen" in words:
        import socket

        host, _, port = words[words.index("--listen") + 1].rpartition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True
    return name != "bash" and name != ""


# ----------------------------------------------------------------- as a test


def try_page(folder, name, text, seconds=PAGE_SECONDS):
    """Its blocks, once all of them are as they should be; else Wrong is raised."""
    blocks, wrong = read_page(text, name)
    if wrong:
        raise Wrong("\n".join(wrong))
    for b in blocks:
        if b.kind == "python":
            try:
                compile(b.text, name, "exec")
            except SyntaxError as e:
                raise Wrong(f"{name}:{b.line}: no Python: {e}")
        if b.kind == "json" and not b.reason:
            try:
                check_json(b)
            except ValueError as e:
                raise Wrong(f"{name}:{b.line}: no JSON: {e}")
    shell = Shell(folder, name, blocks, seconds)
    if any(b.kind in ("sh", "yaml") and not b.reason for b in blocks):
        shell.run()
    last = 0
    for n, b in enumerate(blocks):
        for bad in ("sandbox_refused", *SANITIZERS_SAY):
            if bad in shell.output(n):
                raise Wrong(f"{name}:{b.line}: {bad}:\n" + shell.output(n)[-1500:])
        if b.kind == "output" and not blocks[last].reason:
            missing = check_output(shell.rewrite(b.text), shell.output(last))
            if missing is not None:
                raise Wrong(f"{name}:{b.line}: not among what the commands before it say: {missing}\n"
                            + shell.output(last)[-1500:])
        elif b.kind == "sh" and not b.hidden:
            last = n
    return blocks


def tell(t, name, blocks):
    shown = [b for b in blocks if not b.hidden]
    ran = [b for b in shown if b.kind == "sh" and not b.reason]
    left = [b for b in shown if b.reason]
    t.ok(True, f"{name}: {len(ran)} blocks of commands run, "
         f"{sum(b.kind == 'output' for b in shown)} outputs compared, "
         f"{sum(b.kind in ('yaml', 'json', 'python') and not b.reason for b in shown)} files checked, {len(left)} not run")
    for b in left:
        t.note(f"{name}:{b.line}: not run: {b.reason}")


def pages():
    return ["README.md"] + sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))


def run_pages(t, names):
    for name in names:
        started = time.monotonic()
        folder = t.folder / name.replace("/", "-")
        try:
            tell(t, name, try_page(folder, name, (ROOT / name).read_text()))
        except Wrong as e:
            t.ok(False, f"the examples of {name}")
            print(f"   {e}", flush=True)
        t.note(f"{name}: {time.monotonic() - started:.1f} s")


def main(names, limit=300):
    run(lambda t: run_pages(t, names), limit)


if __name__ == "__main__":
    if sys.argv[1] == "ready":
        sys.exit(wait_ready(int(sys.argv[2])))
    if sys.argv[1] == "merge":
        merge(pathlib.Path("gate"), *sys.argv[2:4], sys.stdin.read())
        sys.exit(0)
    status, text = check_fragment(pathlib.Path.cwd(), *sys.argv[1:3], sys.stdin.read())
    print(text)
    sys.exit(status)
