# SPDX-License-Identifier: Apache-2.0
"""Certificates and CRLs for tests, also those that no decent tool would make.

The DER is written here, byte by byte; only keys and signatures come from the
openssl command. So everything can be wrong on purpose: a negative serial, a NUL
within a name, the same extension twice, a signature algorithm that differs
inside and out.

    pki = Pki(folder)                     # keys are made once and kept there
    root = pki.cert("CN=Root", ca=True)   # self-signed, key of its own (P-256)
    sub = pki.cert("CN=Sub", root, ca=True, policies=[OID_A])
    leaf = pki.cert("CN=Ann", sub, san=[uri("x://ann")])
    stem = leaf.write(folder / "ann", [sub])     # ann.crt (leaf, sub), ann.key
    der = pki.crl(sub, [(leaf.serial, -3600, 1)], number=7)   # revoked, keyCompromise

cert() and crl() say below what they take. Times are seconds from now or
datetimes. Names are "CN=Ann,O=Lab" (written in this order, not reversed) or DER
from name(). An extension is DER from extension() or one of the makers below.
Whatever is given as `extensions` is put behind those that the arguments make;
`without` names arguments' extensions (by OID) that are left out.
"""
import datetime
import hashlib
import pathlib
import subprocess
import tempfile

# ------------------------------------------------------------------------ DER


def tlv(tag, *parts):
    body = b"".join(parts)
    if len(body) < 128:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def integer(value):
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value):
    return tlv(1, b"\xff" if value else b"\0")


def enumerated(value):
    return tlv(10, bytes([value]))


def oid(text):
    numbers = [int(n) for n in text.split(".")]
    out = b""
    for n in [numbers[0] * 40 + numbers[1], *numbers[2:]]:
        part = bytes([n & 0x7F])
        while n > 0x7F:
            n >>= 7
            part = bytes([0x80 | n & 0x7F]) + part
        out += part
    return tlv(6, out)


def octets(data):
    return tlv(4, data)


def bits(data, unused=0):
    return tlv(3, bytes([unused]), data)


def named_bits(*numbers):
    """A BIT STRING of named bits, without zeros at its end."""
    value = bytearray(max(numbers, default=-1) // 8 + 1)
    for n in numbers:
        value[n // 8] |= 0x80 >> n % 8
    unused = 7 - max(numbers) % 8 if numbers else 0
    return bits(bytes(value), unused)


def sequence(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *sorted(parts))


def text(value, tag=12):
    """UTF8String (12), PrintableString (19), TeletexString (20), IA5String (22), BMPString (30)."""
    if isinstance(value, bytes):
        return tlv(tag, value)
    return tlv(tag, value.encode({30: "utf-16-be", 20: "latin-1"}.get(tag, "utf-8")))


def explicit(number, *parts):
    return tlv(0xA0 | number, *parts)


def implicit(number, data):
    return tlv(0x80 | number, data)


def at(when):
    """Seconds from now, or a datetime, as RFC 5280 writes times."""
    if not isinstance(when, datetime.datetime):
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=when)
    if 1950 <= when.year < 2050:
        return tlv(23, when.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(24, when.strftime("%Y%m%d%H%M%SZ").encode())


# ---------------------------------------------------------------------- names

ATTRIBUTES = {"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "O": "2.5.4.10", "OU": "2.5.4.11",
              "SN": "2.5.4.4", "GN": "2.5.4.42", "serialNumber": "2.5.4.5", "UID": "0.9.2342.19200300.100.1.1",
              "DC": "0.9.2342.19200300.100.1.25", "emailAddress": "1.2.840.113549.1.9.1"}


def attribute(kind, value, tag=12):
    return sequence(oid(ATTRIBUTES.get(kind, kind)), text(value, tag))


def name(value):
    """DER of a name: from "CN=Ann,O=Lab" (a "+" joins parts of one RDN), or from a list of RDNs,
    each a list of (kind, value[, tag]); DER is passed on."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        value = [[tuple(part.split("=", 1)) for part in rdn.split("+")] for rdn in value.split(",") if rdn]
    return sequence(*(set_of(*(attribute(*part) for part in rdn)) for rdn in value))


def uri(value):
    return implicit(6, value if isinstance(value, bytes) else value.encode())


def dns(value):
    return implicit(2, value if isinstance(value, bytes) else value.encode())


def email(value):
    return implicit(1, value if isinstance(value, bytes) else value.encode())


def ip(value):
    return implicit(7, value)


def directory(value):
    return explicit(4, name(value))


def registered(value):
    return implicit(8, oid(value)[2:])


def other(kind, value):
    """otherName of a type with a DER value."""
    return tlv(0xA0, oid(kind), explicit(0, value))


OID_UPN = "1.3.6.1.4.1.311.20.2.3"
OID_FASCN = "2.16.840.1.101.3.6.6"


def upn(value, tag=12):
    return other(OID_UPN, text(value, tag))


def fascn(value, tag=4):
    return other(OID_FASCN, tlv(tag, value))


def fascn_bytes(agency="4700", system="0256", credential="001337", series="0", issue="1",
                person="1112223333", category="1", organization="4700", association="1",
                parity=None, lrc=None, symbols=None):
    """The 25 octets of a FASC-N (SP 800-73): 40 symbols of 4 data bits, least significant first,
    and odd parity. `parity`: the index of a symbol whose parity bit is wrong; `lrc`: another sum;
    `symbols`: {index: value} put in before the sum is made."""
    ss, fs, es = 11, 13, 15
    digits = [ss]
    for field in (agency, system, credential, series, issue):
        digits += [int(c) for c in field] + [fs]
    digits += [int(c) for c in person + category + organization + association] + [es]
    for index, value in (symbols or {}).items():
        digits[index] = value
    total = 0
    for digit in digits:
        total ^= digit
    digits.append(total if lrc is None else lrc)
    out = ""
    for index, digit in enumerate(digits):
        data = "".join(str(digit >> i & 1) for i in range(4))
        odd = 1 - bin(digit).count("1") % 2
        out += data + str(odd ^ (index == parity))
    return int(out, 2).to_bytes(25, "big")


# ----------------------------------------------------------------- extensions

SUBJECT_KEY, KEY_USAGE, ALT_NAME, BASIC = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19"
CRL_NUMBER, CRL_REASON, DELTA, IDP = "2.5.29.20", "2.5.29.21", "2.5.29.27", "2.5.29.28"
NAME_CONSTRAINTS, CRL_POINTS, POLICIES, MAPPINGS = "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33"
AUTHORITY_KEY, POLICY_CONSTRAINTS, EKU, FRESHEST, INHIBIT_ANY = (
    "2.5.29.35", "2.5.29.36", "2.5.29.37", "2.5.29.46", "2.5.29.54")
AIA = "1.3.6.1.5.5.7.1.1"
ANY_POLICY, ANY_EKU = "2.5.29.32.0", "2.5.29.37.0"
CLIENT_AUTH, SERVER_AUTH, OCSP_SIGNING = ("1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.9")
SMARTCARD_LOGON, CARD_AUTH, CONTENT_SIGNING = (
    "1.3.6.1.4.1.311.20.2.2", "2.16.840.1.101.3.6.8", "2.16.840.1.101.3.6.7")
USAGE = {"digitalSignature": 0, "nonRepudiation": 1, "keyEncipherment": 2, "dataEncipherment": 3,
         "keyAgreement": 4, "keyCertSign": 5, "cRLSign": 6}


def extension(kind, value, critical=False):
    return sequence(oid(kind), boolean(True) if critical else b"", octets(value))


def policies(oids, critical=False):
    return extension(POLICIES, sequence(*(sequence(oid(p)) for p in oids)), critical)


def mappings(pairs, critical=True):
    """Of (issuer's policy, subject's policy)."""
    return extension(MAPPINGS, sequence(*(sequence(oid(a), oid(b)) for a, b in pairs)), critical)


def policy_constraints(require=None, inhibit_mapping=None):
    parts = [] if require is None else [implicit(0, integer(require)[2:])]
    parts += [] if inhibit_mapping is None else [implicit(1, integer(inhibit_mapping)[2:])]
    return extension(POLICY_CONSTRAINTS, sequence(*parts), True)


def inhibit_any(skip):
    return extension(INHIBIT_ANY, integer(skip), True)


def name_constraints(permitted=(), excluded=()):
    """Of general names: uri(".example.com"), dns(…), directory(…)."""
    parts = [explicit(n, *(sequence(base) for base in bases))
             for n, bases in ((0, permitted), (1, excluded)) if bases]
    return extension(NAME_CONSTRAINTS, sequence(*parts), True)


def crl_points(points, kind=CRL_POINTS):
    """One distribution point for each list of URIs."""
    return extension(kind, sequence(*(
        sequence(explicit(0, explicit(0, *(uri(u) for u in ([p] if isinstance(p, str) else p)))))
        for p in points)))


def aia(ocsp=(), issuers=()):
    return extension(AIA, sequence(
        *(sequence(oid("1.3.6.1.5.5.7.48.1"), uri(u)) for u in ocsp),
        *(sequence(oid("1.3.6.1.5.5.7.48.2"), uri(u)) for u in issuers)))


def idp(points=(), users=False, authorities=False, indirect=False, reasons=None, critical=True):
    """issuingDistributionPoint of a CRL: its URIs, and what it is only about."""
    parts = [explicit(0, explicit(0, *(uri(u) for u in points)))] if points else []
    parts += [implicit(1, b"\xff")] if users else []
    parts += [implicit(2, b"\xff")] if authorities else []
    parts += [tlv(0x83, named_bits(*reasons)[2:])] if reasons else []
    parts += [implicit(4, b"\xff")] if indirect else []
    return extension(IDP, sequence(*parts), critical)


# ----------------------------------------------------------------------- keys

SIGNATURES = {  # what AlgorithmIdentifier says, and the openssl command's digest
    ("ec", "sha1"): "1.2.840.10045.4.1", ("ec", "sha224"): "1.2.840.10045.4.3.1",
    ("ec", "sha256"): "1.2.840.10045.4.3.2", ("ec", "sha384"): "1.2.840.10045.4.3.3",
    ("ec", "sha512"): "1.2.840.10045.4.3.4",
    ("rsa", "md5"): "1.2.840.113549.1.1.4", ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("rsa", "sha224"): "1.2.840.113549.1.1.14", ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("rsa", "sha384"): "1.2.840.113549.1.1.12", ("rsa", "sha512"): "1.2.840.113549.1.1.13",
    ("ed25519", None): "1.3.101.112", ("ed448", None): "1.3.101.113",
}


def algorithm(kind, digest):
    null = tlv(5) if kind == "rsa" else b""
    return sequence(oid(SIGNATURES[kind, digest]), null)


def openssl(*args, data=None):
    done = subprocess.run(["openssl", *map(str, args)], input=data, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {args}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Key:
    """A private key in a PEM file. `spki`: DER of its SubjectPublicKeyInfo, which may be replaced."""

    def __init__(self, path, spki=None):
        self.path = pathlib.Path(path)
        self.spki = spki or openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        self.kind = "rsa"
        if oid("1.2.840.10045.2.1") in self.spki[:64]:
            self.kind = "ec"
        for kind in ("ed25519", "ed448"):
            if oid(SIGNATURES[kind, None]) in self.spki[:16]:
                self.kind = kind

    @property
    def spki_sha256(self):
        return hashlib.sha256(self.spki).hexdigest()

    @property
    def bits(self):
        """The BIT STRING's content of the public key: what key identifiers are made of."""
        body = self.spki[2 + (self.spki[1] & 0x7F if self.spki[1] & 0x80 else 0):]
        size = 2 + body[1]  # the AlgorithmIdentifier is short, unless its curve is explicit
        if body[1] & 0x80:
            extra = body[1] & 0x7F
            size = 2 + extra + int.from_bytes(body[2:2 + extra], "big")
        body = body[size:]
        return body[2 + (body[1] & 0x7F if body[1] & 0x80 else 0) + 1:]

    @property
    def identifier(self):
        return hashlib.sha1(self.bits).digest()

    def sign(self, data, digest="sha256"):
        if self.kind.startswith("ed"):
            with tempfile.NamedTemporaryFile() as f:
                f.write(data)
                f.flush()
                return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", f.name)
        return openssl("dgst", f"-{digest}", "-sign", self.path, data=data)


def pem(der, label="CERTIFICATE"):
    import base64
    body = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(body[i:i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


class Cert:
    """What cert() made: der, key, subject (DER of the name), serial, issuer (a Cert)."""

    def __init__(self, der, key, subject, serial, issuer):
        self.der, self.key, self.subject, self.serial = der, key, subject, serial
        self.issuer = issuer or self

    @property
    def pem(self):
        return pem(self.der)

    @property
    def sha256(self):
        return hashlib.sha256(self.der).hexdigest()

    def write(self, stem, chain=()):
        """STEM.crt (this one, then `chain`) and STEM.key. Returns the stem."""
        stem = pathlib.Path(stem)
        pathlib.Path(f"{stem}.crt").write_text("".join(c.pem for c in (self, *chain)))
        pathlib.Path(f"{stem}.key").write_bytes(self.key.path.read_bytes())
        return stem


class Pki:
    """Makes keys, once each, in a folder, and what is signed with them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keys = {}
        self.serial = 0x1000

    def key(self, label="leaf", kind="P-256", options=()):
        """The key of this label: P-256, P-384, P-521, rsa:BITS, ed25519, ed448, explicit (P-256 with
        its parameters written out). `options` go to openssl genpkey."""
        if label not in self.keys:
            path = self.folder / f"key-{len(self.keys)}.pem"
            if kind.startswith("rsa:"):
                openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[4:]}",
                        *options, "-out", path)
            elif kind.startswith("ed"):
                openssl("genpkey", "-algorithm", kind, "-out", path)
            else:
                encoding = "explicit" if kind == "explicit" else "named_curve"
                openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                        f"ec_paramgen_curve:{'P-256' if kind == 'explicit' else kind}",
                        "-pkeyopt", f"ec_param_enc:{encoding}", "-out", path)
            self.keys[label] = Key(path)
        return self.keys[label]

    def cert(self, subject, issuer=None, key=None, ca=False, serial=None, not_before=-3600,
             not_after=3600 * 24 * 30, policies=(), eku=(CLIENT_AUTH,), usage=None, san=(), pathlen=None,
             extensions=(), without=(), critical_san=False, digest="sha256", inner=None, outer=None,
             version=2, signer=None, issuer_name=None, authority_key=None, damage=False):
        """A certificate. `issuer`: a Cert; without one it signs itself. `key`: default the label
        "leaf", of a CA a key of its own. `usage`: names of key usage; () leaves it out. `eku`: of
        leaves; () leaves it out. `serial`: a number (negative too). `digest`: of the signature;
        `inner` and `outer`: AlgorithmIdentifiers in its place. `signer`: another key than the issuer's.
        `issuer_name`, `authority_key`: others than the issuer's. `damage`: a bit of the signature is
        wrong."""
        subject_der = name(subject)
        key = key or self.key(f"ca {subject_der.hex()}" if ca else "leaf")
        signer = signer or (issuer.key if issuer else key)
        if serial is None:
            self.serial += 1
            serial = self.serial
        if signer.kind.startswith("ed"):
            digest = None
        made = self._extensions(key, issuer, ca, policies, eku, usage, san, pathlen, critical_san, authority_key)
        body = b"".join([e for kind, e in made if kind not in without] + list(extensions))
        tbs = sequence(
            explicit(0, integer(version)) if version else b"", integer(serial),
            inner or algorithm(signer.kind, digest),
            name(issuer_name) if issuer_name else issuer.subject if issuer else subject_der,
            sequence(at(not_before), at(not_after)), subject_der, key.spki,
            explicit(3, sequence(body)) if body else b"")
        return Cert(self._signed(tbs, signer, digest, outer, damage), key, subject_der, serial, issuer)

    @staticmethod
    def _signed(tbs, signer, digest, outer=None, damage=False):
        signature = bytearray(signer.sign(tbs, digest))
        if damage:
            signature[-1] ^= 1
        return sequence(tbs, outer or algorithm(signer.kind, digest), bits(bytes(signature)))

    @staticmethod
    def _extensions(key, issuer, ca, oids, eku, usage, san, pathlen, critical_san, authority_key):
        """(OID, DER) of what the arguments of cert() ask for."""
        if usage is None:
            usage = ("keyCertSign", "cRLSign") if ca else ("digitalSignature",)
        depth = integer(pathlen) if pathlen is not None else b""
        made = [(BASIC, extension(BASIC, sequence(boolean(True) if ca else b"", depth), ca))]
        if usage:
            made.append((KEY_USAGE, extension(KEY_USAGE, named_bits(*(USAGE[u] for u in usage)), True)))
        made.append((SUBJECT_KEY, extension(SUBJECT_KEY, octets(key.identifier))))
        if issuer or authority_key:
            made.append((AUTHORITY_KEY, extension(AUTHORITY_KEY, sequence(
                implicit(0, authority_key or issuer.key.identifier)))))
        if oids:
            made.append((POLICIES, policies(oids)))
        if eku and not ca:
            made.append((EKU, extension(EKU, sequence(*(oid(e) for e in eku)))))
        if san:
            made.append((ALT_NAME, extension(ALT_NAME, sequence(*san), critical_san)))
        return made

    def crl(self, issuer, revoked=(), number=1, this_update=-60, next_update=3600, extensions=(),
            delta=None, signer=None, digest="sha256", issuer_name=None, version=1, authority_key=None,
            damage=False):
        """DER of a CRL of `issuer` (a Cert). `revoked`: (serial, when[, reason[, extensions]]).
        `delta`: the number of the CRL that it adds to. `next_update` None: says none. `number` None:
        has none. idp() goes into `extensions`."""
        signer = signer or issuer.key
        if signer.kind.startswith("ed"):
            digest = None
        entries = b"".join(self._revoked(*r) for r in revoked)
        made = [extension(AUTHORITY_KEY, sequence(implicit(0, authority_key or issuer.key.identifier)))]
        made += [extension(CRL_NUMBER, integer(number))] if number is not None else []
        made += [extension(DELTA, integer(delta), True)] if delta is not None else []
        tbs = sequence(
            integer(version) if version else b"", algorithm(signer.kind, digest),
            name(issuer_name) if issuer_name else issuer.subject, at(this_update),
            at(next_update) if next_update is not None else b"",
            sequence(entries) if entries else b"",
            explicit(0, sequence(*made, *extensions)) if version else b"")
        return self._signed(tbs, signer, digest, None, damage)

    @staticmethod
    def _revoked(serial, when, reason=None, extensions=()):
        more = [extension(CRL_REASON, enumerated(reason))] if reason is not None else []
        more += extensions
        return sequence(integer(serial), at(when), sequence(*more) if more else b"")


def main():
    """Makes a small tree, reads it with openssl: how this file tests itself."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pki = Pki(folder)
        root = pki.cert("CN=Root,O=Lab", ca=True)
        sub = pki.cert("CN=Sub,O=Lab", root, ca=True, pathlen=0, policies=["1.2.3.4"])
        leaf = pki.cert("CN=Ann", sub, san=[uri("x://ann"), upn("ann@lab"), fascn(fascn_bytes())],
                        policies=["1.2.3.4"], extensions=[crl_points(["http://crl.test/a"])])
        (folder / "root.pem").write_text(root.pem)
        (folder / "sub.pem").write_text(sub.pem)
        leaf.write(folder / "leaf")
        (folder / "sub.crl").write_text(pem(pki.crl(sub, [(7, -60, 1)]), "X509 CRL"))
        (folder / "root.crl").write_text(pem(pki.crl(root), "X509 CRL"))
        (folder / "crls").write_text((folder / "sub.crl").read_text() + (folder / "root.crl").read_text())
        print(openssl("x509", "-in", folder / "leaf.crt", "-noout", "-text").decode())
        print(openssl("verify", "-x509_strict", "-policy", "1.2.3.4", "-CAfile", folder / "root.pem",
                      "-untrusted", folder / "sub.pem", "-crl_check_all", "-CRLfile", folder / "crls",
                      folder / "leaf.crt").decode())
        # D138… is what a FASC-N of agency 4700 begins with, and E7 ends one.
        assert fascn_bytes().hex().startswith("d138") and len(fascn_bytes()) == 25


if __name__ == "__main__":
    main()
