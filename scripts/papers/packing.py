# SPDX-License-Identifier: Apache-2.0
"""What Debian wants beside the programs: copyright, changelog, packed pages."""
import datetime
import gzip
import io
import pathlib
import re

import sbom

HEAD = re.compile(r"^## (\d+\.\d+\.\d+)(.*)$", re.M)


def packed(text):
    """gzip -9n: the same text, the same bytes."""
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out,
                       mtime=0) as z:
        z.write(text.encode())
    return out.getvalue()


def newest(changes):
    """The version that CHANGES.md begins with."""
    found = HEAD.search(changes)
    if not found:
        raise ValueError("CHANGES.md: expected a head `## VERSION`")
    return found.group(1)


def changelog(changes, version, maintainer, epoch):
    if newest(changes) != version:
        raise ValueError(f"CHANGES.md begins with {newest(changes)}: expected "
                         f"{version}, the version of CMakeLists.txt")
    at = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return (f"sallyport ({version}-1) unstable; urgency=medium\n\n"
            f"  * Version {version}: /usr/share/doc/sallyport/changelog.gz "
            "tells what is new.\n\n"
            f" -- {maintainer}  {at:%a, %d %b %Y %H:%M:%S +0000}\n")


def parser_notice(binaries):
    """What Debian says of the HTTP parser's sources, if they are in the
    programs: its license wants the notice to go along."""
    package = sbom.parser_of(binaries)
    if package is None:
        return ""
    path = pathlib.Path(f"/usr/share/doc/{package}/copyright")
    stanzas = re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))
    files = [s for s in stanzas if s.startswith("Files:") and "llhttp/*" in s]
    if len(files) != 1:
        raise ValueError(f"{path}: expected one paragraph about llhttp/*")
    license_name = re.search(r"^License: (\S+)", files[0], re.M).group(1)
    text = [s for s in stanzas if s.startswith(f"License: {license_name}\n")]
    owner = re.search(r"^Copyright:.*?(?=^License)", files[0], re.M | re.S)
    if len(text) != 1:
        raise ValueError(f"{path}: expected the text of {license_name}")
    return ("\nFiles: llhttp/*\n"
            "Comment: sources of the distribution's package "
            f"{package}, compiled in\n{owner.group().strip()}\n"
            f"License: {license_name}\n\n{text[0].strip()}\n")
