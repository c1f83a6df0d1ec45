# SPDX-License-Identifier: Apache-2.0
"""The control socket by its bytes (docs/messages.md), and the command under other users' uids:
what tests of orders, roles and attacks share."""
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

from harness import BIN

SUSPEND, RESUME, REVOKE, CLOSE, RELEASE, STATEMENT, REVEAL, CERTIFICATES, RELOAD, DRAIN = range(10)
ASK_STATUS = struct.pack("<H", 1)
ASK_WINDOWS = struct.pack("<HI", 5, 0)
SP_EPERM = 10


def packet(verb, target=b"caisi", reason=b"", approval=b"", kind=3, more=b"", within=0):
    """ASK_ORDER."""
    data = struct.pack("<HB", kind, verb)
    for text in (target, reason, approval):
        data += struct.pack("<I", len(text)) + text
    return data + struct.pack("<I", within) + more


def connect(path, timeout=10):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Blocking while it connects: a full backlog is waited for.
    s.connect(str(path))
    s.settimeout(timeout)
    return s


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def as_user(uid, call, *args):
    """call(*args) in a child of that uid; the child's pid. Whatever it raises ends it with 1."""
    child = os.fork()
    if child != 0:
        return child
    try:
        become(uid)
        call(*args)
        os._exit(0)
    except BaseException:
        os._exit(1)


def heard_as(path, uid, data):
    """What that uid is answered to a packet, b"" if it is hung up on."""
    read, write = os.pipe()

    def speak():
        with connect(path) as s:
            s.send(data)
            os.write(write, s.recv(8192))

    child = as_user(uid, speak)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        answer = told.read()
    os.waitpid(child, 0)
    return answer


def order_answer(data):
    """(error, entry, cut, text) of an ANSWER_ORDER."""
    error, n, cut, length = struct.unpack_from("<HBQII", data)[1:]
    return error, n, cut, data[19:19 + length].decode()


class Room:
    """A folder that every uid can enter, with the socket and a copy of the command: where the tests
    run from may be closed to others."""

    def __init__(self, t):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="sp-", dir="/tmp"))
        t.defer(shutil.rmtree, self.path, True)
        self.path.chmod(0o755)
        self.control = self.path / "control.sock"
        self.command = self.path / "sallyport"
        shutil.copy(BIN / "sallyport", self.command)
        self.command.chmod(0o755)

    def run(self, uid, verb, *args, timeout=60):
        """`sallyport VERB SOCKET ARGS…` as that uid, or as we are (None)."""
        verb = verb.split()
        who = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        return subprocess.run([str(self.command), *verb, str(self.control), *map(str, args)], capture_output=True, text=True,
                              timeout=timeout, cwd=self.path, **who)
