# SPDX-License-Identifier: Apache-2.0
"""What a service manager does for the daemon, done by a test: sockets that it is started with
(sd_listen_fds(3)) and a socket that it reports to (sd_notify(3))."""
import os
import pathlib
import socket

LAUNCHER = """\
#!/usr/bin/env python3
import fcntl, os, sys
given = [int(fd) for fd in os.environ.pop("GIVEN").split()]
above = [fcntl.fcntl(fd, fcntl.F_DUPFD, 500) for fd in given]
for i, fd in enumerate(above):
    os.dup2(fd, 3 + i)
for fd in above:
    os.close(fd)
os.environ["LISTEN_PID"] = os.environ.pop("GIVEN_PID", str(os.getpid()))
os.execv({program!r}, [{program!r}] + sys.argv[1:])
"""


def tcp(port=0, host="127.0.0.1", listen=True, shared=False, kind=socket.SOCK_STREAM, v6only=True):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if ":" in host:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    s.bind((host, port))
    if listen:
        s.listen(64)
    return s


def unix(path, kind=socket.SOCK_SEQPACKET, mode=0o600, listen=True):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(str(path))
    os.chmod(path, mode)
    if listen:
        s.listen(8)
    return s


def inode(s):
    return os.fstat(s.fileno()).st_ino


def start(d, program, sockets, names=None, env=None, **more):
    """The daemon with these (name, socket) pairs, as `Deployment.start`."""
    launcher = d.test.folder / "launch"
    if not launcher.exists():
        launcher.write_text(LAUNCHER.format(program=str(program)))
        launcher.chmod(0o700)
    given = {"GIVEN": " ".join(str(s.fileno()) for _, s in sockets), "LISTEN_FDS": str(len(sockets)),
             "LISTEN_FDNAMES": ":".join(name for name, _ in sockets) if names is None else names}
    return d.start(given | (env or {}), program=launcher, pass_fds=[s.fileno() for _, s in sockets], **more)


class Notices:
    """A socket in a service manager's place."""

    def __init__(self, t, name="notify"):
        self.path = pathlib.Path(t.folder) / name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.setblocking(False)
        self.all = []
        t.defer(self.socket.close)

    def read(self):
        """Everything so far, in order, each as a dict."""
        while True:
            try:
                data = self.socket.recv(4096)
            except BlockingIOError:
                return self.all
            self.all.append(dict(line.split("=", 1) for line in data.decode().split("\n")))
