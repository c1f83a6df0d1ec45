# SPDX-License-Identifier: Apache-2.0
"""What the programs are made of, as SPDX 2.3 in JSON: the shared libraries
that the loader really takes, with the distribution's packages they come from,
and the HTTP parser, which is compiled in where Debian has it as sources."""
import datetime
import hashlib
import json
import pathlib
import re
import subprocess

PARSER = "/usr/share/llhttp/llhttp.c"
NONE = "NOASSERTION"


def output(*command):
    """Its standard output; "" if it failed or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=60, env={"LC_ALL": "C.UTF-8",
                                               "PATH": "/usr/sbin:/usr/bin:/bin"})
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def loaded(binary):
    """{soname: path} of all that the loader takes."""
    return dict(re.findall(r"^\s*(\S+) => (/\S+)", output("ldd", str(binary)),
                           re.M))


def needed(binary):
    """The sonames that the program itself names."""
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]",
                          output("readelf", "-d", str(binary))))


def package_of(path):
    """The distribution's package of a file, or None. The loader may call
    /lib what the package calls /usr/lib, and the reverse."""
    real = str(pathlib.Path(path).resolve())
    for name in dict.fromkeys([real, real.removeprefix("/usr"), path,
                               path.removeprefix("/usr"), "/usr" + path]):
        found = output("dpkg", "-S", name)
        if found:
            return found.split(": ")[0].split(",")[0].split(":")[0]
    return None


def about(package):
    """(version, source, its version, architecture, home page)"""
    told = output("dpkg-query", "-W", "-f", "${db:Status-Abbrev}\\t${Version}"
                  "\\t${source:Package}\\t${source:Version}\\t${Architecture}"
                  "\\t${Homepage}\\n", package)
    for row in told.splitlines():
        state, *rest = row.split("\t")
        if state.startswith("ii"):
            return rest
    return None


def distribution():
    text = pathlib.Path("/etc/os-release").read_text() \
        if pathlib.Path("/etc/os-release").exists() else ""
    told = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.M))
    return told.get("ID", "linux"), told.get("VERSION_ID", "")


def spdx_id(name):
    return "SPDXRef-Package-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def part(package, names, comment):
    """One package of the list; `names` are the files that are used of it."""
    told = about(package)
    one = {"name": package, "SPDXID": spdx_id(package),
           "downloadLocation": NONE, "filesAnalyzed": False,
           "licenseConcluded": NONE, "licenseDeclared": NONE,
           "copyrightText": NONE, "comment": f"{comment}: {', '.join(names)}"}
    if told is None:
        return one
    version, source, source_version, architecture, homepage = told
    vendor, release = distribution()
    one["versionInfo"] = version
    one["supplier"] = f"Organization: {vendor.capitalize()}"
    one["sourceInfo"] = f"built from {source} {source_version}"
    if homepage:
        one["homepage"] = homepage
    one["externalRefs"] = [{
        "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
        "referenceLocator":
            f"pkg:deb/{vendor}/{package.replace('+', '%2B')}"
            f"@{version.replace('+', '%2B').replace(':', '%3A')}"
            f"?arch={architecture}" + (f"&distro={vendor}-{release}"
                                       if release else "")}]
    return one


def collect(binaries):
    """(packages, relations): each package once, direct users of it as such."""
    packages, relations, files = {}, [], {}
    for binary in binaries:
        direct = needed(binary)
        for soname, path in sorted(loaded(binary).items()):
            package = package_of(path) or soname
            files.setdefault(package, set()).add(soname)
            kind = "DYNAMIC_LINK" if soname in direct else "DEPENDS_ON"
            relations.append((binary.name, kind, package))
    for package, names in files.items():
        packages[package] = part(package, sorted(names), "shared library")
    return packages, relations


def parser_of(binaries):
    """The parser's package if it is compiled in, not loaded."""
    if any("libllhttp" in soname for b in binaries for soname in loaded(b)):
        return None
    return package_of(PARSER) if pathlib.Path(PARSER).exists() else None


def program(name, version):
    return {"name": name, "SPDXID": spdx_id(name), "versionInfo": version,
            "supplier": NONE, "downloadLocation": NONE, "filesAnalyzed": False,
            "licenseConcluded": "Apache-2.0", "licenseDeclared": "Apache-2.0",
            "copyrightText": NONE, "primaryPackagePurpose": "APPLICATION"}


def document(binaries, version, epoch):
    packages, relations = collect(binaries)
    if not packages:
        raise ValueError("sbom: ldd and dpkg told of no library: expected the "
                         "programs, built, on Debian or a relative")
    parser = parser_of(binaries)
    if parser:
        packages[parser] = part(parser, ["llhttp"], "sources compiled in")
        relations += [(b.name, "STATIC_LINK", parser) for b in binaries]
    related = [("SPDXRef-DOCUMENT", "DESCRIBES", spdx_id(b.name))
               for b in binaries]
    related += [(spdx_id(a), kind, spdx_id(b)) for a, kind, b in relations]
    listed = [program(b.name, version) for b in binaries]
    listed += [packages[name] for name in sorted(packages)]
    told = [{"spdxElementId": a, "relationshipType": kind,
             "relatedSpdxElement": b}
            for a, kind, b in sorted(set(related), key=related.index)]
    # The same parts have the same name: whoever builds again can compare.
    digest = hashlib.sha256(json.dumps([listed, told]).encode()).hexdigest()
    at = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT", "name": f"sallyport-{version}",
        "documentNamespace": f"urn:sha256:{digest}",
        "creationInfo": {"created": f"{at:%Y-%m-%dT%H:%M:%SZ}",
                         "creators": ["Tool: sallyport-scripts-papers"]},
        "packages": listed, "relationships": told}
