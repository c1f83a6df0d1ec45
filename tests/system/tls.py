# SPDX-License-Identifier: Apache-2.0
"""What the tests of TLS share: listeners beside each other, and the openssl command."""
import re
import subprocess

from harness import free_port

GET = b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def openssl(*args, **more):
    return subprocess.run(["openssl", *map(str, args)], capture_output=True, timeout=30, **more)


def openssl_all(*commands):
    """Each must work."""
    for command in commands:
        done = openssl(*command)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {command}: {done.stderr.decode()}")


def listen(d, *listeners):
    """Instead of `listen`; the first keeps the deployment's port. Their ports."""
    ports = [d.port] + [free_port() for _ in listeners[1:]]
    d.settings_path.write_text(re.sub(r"(?m)^listen:.*\n", "", d.settings_path.read_text()))
    d.set("listeners", "[" + ", ".join(f'{{address: "127.0.0.1:{p}", {rest}}}'
                                       for p, rest in zip(ports, listeners)) + "]")
    return ports
