/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong policies and settings: what of the right one is replaced by what, and
 * every line that must then be said.
 */
#ifndef SP_TESTS_POLICY_WRONG_H
#define SP_TESTS_POLICY_WRONG_H

/* SHA-256 of nothing, of nothing that is here, and of "\033[2J". */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define OTHER "00b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ESCAPE                                                                 \
    "05704e8a84c06017af3105c9536c4f0a8396a079988a10374146d7f747e3b705"

#define ESCROW_KEY "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="

struct wrong {
    const char *find, *replace, *said;
};

static const struct wrong wrong_policies[] = {
    {"policy: 1", "policy: 2",
     "policy.yaml:1:9: bad policy \"2\": expected 1\n"},
    {"policy: 1\n", "", "policy.yaml:1:1: \"policy\" is missing: expected 1\n"},
    {"serial: 7", "serial: 0",
     "policy.yaml:2:9: bad serial \"0\": expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: seven",
     "policy.yaml:2:9: bad serial \"seven\": expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: 07",
     "policy.yaml:2:9: bad serial \"07\": expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: 4294967296",
     "policy.yaml:2:9: bad serial \"4294967296\": expected a whole number from "
     "1 to 4294967295\n"},
    {"serial: 7", "serial: 99999999999999999999k",
     "policy.yaml:2:9: bad serial \"99999999999999999999k\": expected a whole "
     "number from 1 to 4294967295\n"},
    {"serial: 7", "serial:",
     "policy.yaml:2:8: bad serial \"\": expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: ~",
     "policy.yaml:2:9: bad serial \"~\": expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: [7]",
     "policy.yaml:2:9: \"serial\" is a list: expected a whole number from 1 to "
     "4294967295\n"},
    {"serial: 7", "serial: 7\nserial: 8",
     "policy.yaml:3:1: duplicate key \"serial\": expected it once, it is in "
     "line 2\n"},
    {"serial: 7", "serail: 7",
     "policy.yaml:2:1: unknown key \"serail\": did you mean \"serial\"?\n"
     "policy.yaml:1:1: \"serial\" is missing: expected a whole number from 1 "
     "to 4294967295\n"},
    {"serial: 7", "serial: 7\ncolour: red",
     "policy.yaml:3:1: unknown key \"colour\": expected one of policy, serial, "
     "replaces, basis, developer, author, sequence, models, parties, terms, "
     "windows, documents, findings, escrow\n"},
    {"serial: 7", "serial: &a 7",
     "policy.yaml:2:9: an anchor (&): expected a plain value\n"},
    {"serial: 7", "serial: !!int 7",
     "policy.yaml:2:9: a tag (!): expected a plain value\n"},
    {"serial: 7", "serial: *a",
     "policy.yaml:2:9: an alias (*): expected the value itself\n"},
    {"serial: 7", "serial: 7\n<<: {a: 1}",
     "policy.yaml:3:1: a merge key (<<): expected the fields themselves\n"
     "policy.yaml:3:1: unknown key \"<<\": expected one of policy, serial, "
     "replaces, basis, developer, author, sequence, models, parties, terms, "
     "windows, documents, findings, escrow\n"},
    {"serial: 7", "serial: 7\n? [a, b]\n: c",
     "policy.yaml:3:3: a key that is not a plain word: expected key: value\n"},
    {"serial: 7", "%YAML 1.1\n---\nserial: 7",
     "policy.yaml:2:1: a directive (%): expected none\n"
     "policy.yaml:2:1: a second document: expected one a file\n"},
    {"policy: 1", "--- \npolicy: 1\n---\n",
     "policy.yaml:3:1: a second document: expected one a file\n"},
    {"serial: 7", "serial: 7\nreplaces: abcd",
     "policy.yaml:3:11: bad replaces \"abcd\": expected 64 hexadecimal "
     "digits\n"},
    {"basis: voluntary", "basis: volontary",
     "policy.yaml:3:8: bad basis \"volontary\": did you mean \"voluntary\"?\n"},
    {"developer: Acme AI, Inc.", "developer: Acme\\x\377",
     "policy.yaml:4:18: byte 0xff is not UTF-8: expected a text file\n"},
    {"developer: Acme AI, Inc.", "developer: Acme\342\200\256IA",
     "policy.yaml:4:16: character U+202E: expected visible text\n"},
    {"developer: Acme AI, Inc.", "developer: \"Acme\\nAI\"",
     "policy.yaml:4:12: a line break or an invisible character in a value: "
     "expected visible text on one line\n"},
    {"developer: Acme AI, Inc.", "developer: \"Acme\\0AI\"",
     "policy.yaml:4:12: a line break or an invisible character in a value: "
     "expected visible text on one line\n"},
    {"developer: Acme AI, Inc.", "developer: {a: 1}",
     "policy.yaml:4:12: \"developer\" is a mapping: expected a text with a "
     "length from 1 to 128\n"},
    {"developer: Acme AI, Inc.",
     "developer: "
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     "policy.yaml:4:12: bad developer "
     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\": "
     "expected a text with a length from 1 to 128\n"},
    {"developer: Acme AI, Inc.", "developer: Acme: AI",
     "policy.yaml:4:16: not YAML (mapping values are not allowed in this "
     "context): expected key: value\n"},
    {"developer: Acme AI, Inc.", "developer: \"Acme",
     "policy.yaml:8:20: not YAML (did not find expected key): expected key: "
     "value\n"},
    {"developer: Acme AI, Inc.", "developer: A\n\tb: c",
     "policy.yaml:5:1: not YAML (found a tab character that violates "
     "indentation): expected key: value\n"},
    {"developer: Acme AI, Inc.", "sequence: first",
     "policy.yaml:4:11: bad sequence \"first\": expected government-first or "
     "concurrent\n"},
    {"developer: Acme AI, Inc.", "documents: {a: b}",
     "policy.yaml:4:16: \"document\" is a single value: expected a mapping of "
     "fields\npolicy.yaml:4:13: no terms have document \"a\" as their nda: "
     "expected terms with it, or none\n"},
    {"developer: Acme AI, Inc.", "documents: {a: {file: f}}",
     "policy.yaml:4:16: \"sha256\" is missing: expected 64 hexadecimal "
     "digits\npolicy.yaml:4:13: no terms have document \"a\" as their nda: "
     "expected terms with it, or none\n"},
    {"developer: Acme AI, Inc.", "documents: {a: {file: f, sha256: " EMPTY "}}",
     "policy.yaml:4:13: no terms have document \"a\" as their nda: expected "
     "terms with it, or none\n"},
    {"developer: Acme AI, Inc.",
     "documents: {a: {file: missing, sha256: " EMPTY "}}",
     "policy.yaml:4:23: file \"missing\": not found: expected the document's "
     "text\npolicy.yaml:4:13: no terms have document \"a\" as their nda: "
     "expected terms with it, or none\n"},
    {"developer: Acme AI, Inc.", "documents: {a: {file: f, sha256: " OTHER "}}",
     "policy.yaml:4:34: file \"f\" has another SHA-256: expected that of the "
     "text that was agreed\npolicy.yaml:4:13: no terms have document \"a\" as "
     "their nda: expected terms with it, or none\n"},
    {"developer: Acme AI, Inc.",
     "documents: {a: {file: escape, sha256: " ESCAPE "}}",
     "policy.yaml:4:23: file \"escape\": not plain text: expected UTF-8 "
     "without control characters\npolicy.yaml:4:13: no terms have document "
     "\"a\" as their nda: expected terms with it, or none\n"},
    {"developer: Acme AI, Inc.", "escrow: {first: " ESCROW_KEY "}",
     "policy.yaml:4:9: \"second\" is missing: expected a text with a length "
     "from 1 to 64\n"},
    {"developer: Acme AI, Inc.",
     "escrow: {first: " ESCROW_KEY ", second: " ESCROW_KEY "}",
     "policy.yaml:4:78: both keys are the same: expected those of two "
     "people\n"},
    {"developer: Acme AI, Inc.",
     "escrow: {first: " ESCROW_KEY ", second: x25519:AAAA}",
     "policy.yaml:4:78: bad sealing key \"x25519:AAAA\": expected x25519: and "
     "32 bytes in base64\n"},
    {"developer: Acme AI, Inc.", "findings: {}",
     "policy.yaml:4:11: \"sealing_key\" is missing: expected a text with a "
     "length from 1 to 64\n"},
    {"developer: Acme AI, Inc.", "findings: {sealing_key: x25519:AAAA}",
     "policy.yaml:4:25: bad sealing key \"x25519:AAAA\": expected x25519: and "
     "32 bytes in base64\n"},
    {"developer: Acme AI, Inc.",
     "findings: {sealing_key: "
     "x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}",
     "policy.yaml:4:25: bad sealing key "
     "\"x25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\": expected "
     "x25519: and 32 bytes in base64\n"},
    {"developer: Acme AI, Inc.",
     "findings: {sealing_key: "
     "x25519:hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=, max: 65KiB}",
     "policy.yaml:4:83: bad max \"65KiB\": expected a size in bytes, "
     "such as 16MiB, from 1 to 64KiB\n"},
    {"  orion:\n", "  -orion:\n",
     "policy.yaml:6:3: bad name \"-orion\": expected a name of at most 128 of "
     "A-Z, a-z, 0-9, '.', '_', ':', '-' that begins with a letter or digit\n"
     "policy.yaml:40:12: no model \"orion\": did you mean \"-orion\"?\n"
     "policy.yaml:45:12: no model \"orion\": did you mean \"-orion\"?\n"},
    {"  orion:\n", "  'orion/7':\n",
     "policy.yaml:6:3: bad name \"orion/7\": expected a name of at most 128 of "
     "A-Z, a-z, 0-9, '.', '_', ':', '-' that begins with a letter or digit\n"
     "policy.yaml:40:12: no model \"orion\": did you mean \"orion/7\"?\n"
     "policy.yaml:45:12: no model \"orion\": did you mean \"orion/7\"?\n"},
    {"https://10.1.2.3:8443/v2/", "ftp://10.1.2.3",
     "policy.yaml:8:19: bad endpoint \"ftp://10.1.2.3\": expected "
     "https://HOST[:PORT][/PREFIX], http:// to loopback or a private address, "
     "or unix:/PATH\n"},
    {"https://10.1.2.3:8443/v2/", "https://user@lab.example",
     "policy.yaml:8:19: bad endpoint \"https://user@lab.example\": expected a "
     "host name, an IPv4 address or an IPv6 address in brackets\n"},
    {"https://10.1.2.3:8443/v2/", "https://lab.example:0",
     "policy.yaml:8:19: bad endpoint \"https://lab.example:0\": expected a "
     "port from 1 to 65535\n"},
    {"https://10.1.2.3:8443/v2/", "https://lab.example:65536",
     "policy.yaml:8:19: bad endpoint \"https://lab.example:65536\": expected a "
     "port from 1 to 65535\n"},
    {"https://10.1.2.3:8443/v2/", "https://lab.example/a?b=c",
     "policy.yaml:8:19: bad endpoint \"https://lab.example/a?b=c\": expected a "
     "path prefix of letters, digits, '.', '_', '-' and single slashes\n"},
    {"https://10.1.2.3:8443/v2/", "https://lab.example/../a",
     "policy.yaml:8:19: bad endpoint \"https://lab.example/../a\": expected a "
     "path prefix of letters, digits, '.', '_', '-' and single slashes\n"},
    {"https://10.1.2.3:8443/v2/", "https://0x7f000001",
     "policy.yaml:8:19: bad endpoint \"https://0x7f000001\": expected a host "
     "name, an IPv4 address or an IPv6 address in brackets\n"},
    {"https://10.1.2.3:8443/v2/", "https://10.1",
     "policy.yaml:8:19: bad endpoint \"https://10.1\": expected a host name, "
     "an IPv4 address or an IPv6 address in brackets\n"},
    {"https://10.1.2.3:8443/v2/", "https://[::1",
     "policy.yaml:8:19: bad endpoint \"https://[::1\": expected a host name, "
     "an IPv4 address or an IPv6 address in brackets\n"},
    {"https://10.1.2.3:8443/v2/", "http://8.8.8.8:80",
     "policy.yaml:8:19: bad endpoint \"http://8.8.8.8:80\": expected https:// "
     "for a host that is not loopback or in a private network\n"},
    {"https://10.1.2.3:8443/v2/", "http://172.32.0.1",
     "policy.yaml:8:19: bad endpoint \"http://172.32.0.1\": expected https:// "
     "for a host that is not loopback or in a private network\n"},
    {"https://10.1.2.3:8443/v2/", "http://lab.example",
     "policy.yaml:8:19: bad endpoint \"http://lab.example\": expected https:// "
     "for a host that is not loopback or in a private network\n"},
    {"https://10.1.2.3:8443/v2/", "http://[2001:db8::1]:80",
     "policy.yaml:8:19: bad endpoint \"http://[2001:db8::1]:80\": expected "
     "https:// for a host that is not loopback or in a private network\n"},
    {"unix:/run/m", "unix:run/m",
     "policy.yaml:8:48: bad endpoint \"unix:run/m\": expected unix: with an "
     "absolute path of at most 107 bytes\n"},
    {"      ca: trust/lab.pem\n", "",
     "policy.yaml:8:19: endpoint \"https://10.1.2.3:8443/v2/\" without \"ca\": "
     "expected the file of its authority beside it\n"},
    {"trust/lab.pem", "../lab.pem",
     "policy.yaml:9:11: bad ca \"../lab.pem\": expected the path of a file, "
     "without '..'\n"},
    {"trust/lab.pem", "trust/missing.pem",
     "policy.yaml:9:11: file \"trust/missing.pem\": not found: expected a PEM "
     "file\n"},
    {"endpoints: [\"https://10.1.2.3:8443/v2/\", \"unix:/run/m\"]",
     "endpoints: []",
     "policy.yaml:8:18: \"endpoints\" has 0 members: expected at least 1\n"},
    {"endpoints: [\"https://10.1.2.3:8443/v2/\", \"unix:/run/m\"]",
     "endpoint: https://10.1.2.3",
     "policy.yaml:8:7: unknown key \"endpoint\": did you mean \"endpoints\"?\n"
     "policy.yaml:8:7: \"endpoints\" is missing: expected a list\n"},
    {"apis: [openai.chat,", "apis: [openai.chatt,",
     "policy.yaml:12:12: bad api \"openai.chatt\": did you mean "
     "\"openai.chat\"?\n"
     "policy.yaml:48:13: terms \"plain\" have no use that model \"orion\" "
     "offers: expected one of its \"apis\"\n"},
    {"build: orion/7.3.1", "release: 2026-11-01T00:00:00Z",
     "policy.yaml:41:12: the window opens when model \"orion\" is released or "
     "later: expected a time before its \"release\"\n"
     "policy.yaml:46:12: the window opens when model \"orion\" is released or "
     "later: expected a time before its \"release\"\n"},
    {"build: orion/7.3.1", "release: tomorrow",
     "policy.yaml:13:14: bad release \"tomorrow\": expected a time in UTC, "
     "such as 2026-11-20T00:00:00Z\n"},
    {"kind: government", "kind: goverment",
     "policy.yaml:16:11: bad kind \"goverment\": did you mean "
     "\"government\"?\n"},
    {"    kind: government\n", "",
     "policy.yaml:16:5: \"kind\" is missing: expected government, state-local, "
     "critical-infrastructure, trusted-partner or auditor\n"},
    {"    kind: government", "    kind: auditor",
     "policy.yaml:39:12: \"caisi\" is an auditor: expected a party of another "
     "kind, auditors use no model\n"},
    {"    anchors: ca\n", "    anchors: trust/none.pem\n",
     "policy.yaml:17:14: file \"trust/none.pem\": not found: expected a PEM "
     "file\n"},
    {"eva: {san", "Eva: {san",
     "policy.yaml:19:7: bad name \"Eva\": expected a name of at most 64 of "
     "a-z, 0-9, '.', '_', '-' that begins with a letter or digit\n"
     "policy.yaml:20:118: the custodian is not a human of this party: expected "
     "a name of \"people\" with kind human\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}", "eva: {}",
     "policy.yaml:19:7: person \"eva\" has no match: expected one of "
     "issuer_subject, issuer_serial, spki_sha256, san_uri, san_uuid, "
     "san_email, upn, edipi, fasc_n\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "eva: {san_uri: \"sallyport://sp/caisi/eva\", issuer_subject: \"CN=a | "
     "CN=b\"}",
     "policy.yaml:19:7: person \"eva\" has more than one match: expected one "
     "of issuer_subject, issuer_serial, spki_sha256, san_uri, san_uuid, "
     "san_email, upn, edipi, fasc_n\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "eva: {san_uri: \"sallyport:eva\"}",
     "policy.yaml:19:22: bad URI: expected a URI such as "
     "sallyport://DEPLOYMENT/PARTY/PERSON\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "eva: {san_uri: \"sallyport://sp/caisi eva\"}",
     "policy.yaml:19:22: bad URI: expected a URI such as "
     "sallyport://DEPLOYMENT/PARTY/PERSON\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "policy.yaml:25:22: another person has this URI: expected one that is "
     "nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {spki_sha256: "
     "AA01bb02cc03dd04ee05ff0600070008aa01bb02cc03dd04ee05ff0600070008}",
     "policy.yaml:25:26: another person has this key: expected one that is "
     "nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_serial: \"xyz | CN=CA\"}",
     "policy.yaml:25:28: bad serial number: expected \"HEX | ISSUER\", such as "
     "\"1a2b | CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_serial: \"00 | CN=CA\"}",
     "policy.yaml:25:28: bad serial number: expected \"HEX | ISSUER\", such as "
     "\"1a2b | CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_serial: \"1a2b\"}",
     "policy.yaml:25:28: bad serial number: expected \"HEX | ISSUER\", such as "
     "\"1a2b | CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}", "ann: {upn: \"ann@lab\"}",
     "policy.yaml:25:18: bad UPN: expected \"UPN | ISSUER\", such as \"ann@lab "
     "| CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}", "ann: {upn: \"ann | CN=CA\"}",
     "policy.yaml:25:18: bad UPN: expected \"UPN | ISSUER\", such as \"ann@lab "
     "| CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {edipi: \"123456789 | CN=CA\"}",
     "policy.yaml:25:20: bad EDIPI: expected \"EDIPI | ISSUER\" with ten "
     "digits, such as \"1234567890 | CN=DOD ID CA-99\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {edipi: \"1234567890 | \"}",
     "policy.yaml:25:20: bad EDIPI: expected \"EDIPI | ISSUER\" with ten "
     "digits, such as \"1234567890 | CN=DOD ID CA-99\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {san_uuid: \"urn:uuid:0\"}",
     "policy.yaml:25:23: bad UUID: expected urn:uuid: and a UUID, not the nil "
     "one\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {san_uuid: 00000000-0000-0000-0000-000000000000}",
     "policy.yaml:25:23: bad UUID: expected urn:uuid: and a UUID, not the nil "
     "one\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {fasc_n: 4700-0256-00133}",
     "policy.yaml:25:21: bad FASC-N: expected AGENCY-SYSTEM-CREDENTIAL such as "
     "4700-0256-001337, or all nine fields\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {fasc_n: 4700-0256-001337-0-1}",
     "policy.yaml:25:21: bad FASC-N: expected AGENCY-SYSTEM-CREDENTIAL such as "
     "4700-0256-001337, or all nine fields\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {san_email: \"ann@lab.example\"}",
     "policy.yaml:25:24: an address under another's anchors: expected it with "
     "\"anchors: ca\" only: other authorities do not promise whose addresses "
     "they name\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "eva: {san_email: \"eva\"}",
     "policy.yaml:19:24: bad address: expected LOCAL@DOMAIN\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {san_uuid: 0000000a-0000-4000-8000-000000000001}\n      bob: "
     "{san_uuid: \"urn:UUID:0000000A-0000-4000-8000-000000000001\"}",
     "policy.yaml:26:23: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {fasc_n: 4700-0256-001337}\n      bob: {fasc_n: 4700-0256-001337}",
     "policy.yaml:26:21: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {fasc_n: 4700-0256-001337}\n      bob: {fasc_n: "
     "4700-0256-001337-0-1-1112223333-1-4700-1}",
     "policy.yaml:26:21: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {fasc_n: 4700-0256-001337-0-1-1112223333-1-4700-1}\n      bob: "
     "{fasc_n: 4700-0256-001337}",
     "policy.yaml:26:21: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {upn: \"1234567890@mil | CN=CA\"}\n      bob: {edipi: \"1234567890 "
     "| CN=CA\"}",
     "policy.yaml:26:20: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {edipi: \"1234567890 | CN=CA\"}\n      bob: {upn: "
     "\"1234567890123456@MIL | CN=CA\"}",
     "policy.yaml:26:18: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_serial: \"1a:2b | CN=CA\"}\n      bob: {issuer_serial: "
     "\"001A2B | CN=CA\"}",
     "policy.yaml:26:28: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"eva: {san_uri: \"sallyport://sp/caisi/eva\"}",
     "eva: {san_email: \"eva@Lab.example\"}\n      adam: {san_email: "
     "\"eva@lab.EXAMPLE\"}",
     "policy.yaml:20:25: another person could have the same certificate: "
     "expected a match that is nobody else's\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: "
     "[2.5.29.32.0]\n",
     "policy.yaml:24:28: bad certificate policy \"2.5.29.32.0\": expected an "
     "object identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any "
     "policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [1.2]\n",
     "policy.yaml:24:28: bad certificate policy \"1.2\": expected an object "
     "identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [3.1.2]\n",
     "policy.yaml:24:28: bad certificate policy \"3.1.2\": expected an object "
     "identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [1.2.03]\n",
     "policy.yaml:24:28: bad certificate policy \"1.2.03\": expected an object "
     "identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [1.40.1]\n",
     "policy.yaml:24:28: bad certificate policy \"1.40.1\": expected an object "
     "identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [1.2.x]\n",
     "policy.yaml:24:28: bad certificate policy \"1.2.x\": expected an object "
     "identifier such as 2.16.840.1.101.3.2.1.3.13, not that of any policy\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: [1.2.3]\n    "
     "service_policies: [1.2.3]\n",
     "policy.yaml:25:24: \"1.2.3\" stands here twice: expected each once in "
     "certificate_policies and service_policies\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    service_policies: [1.2.3]\n",
     "policy.yaml:26:7: person \"ann\" is a human, and no certificate policy "
     "of the party is for one: expected one among its "
     "\"certificate_policies\"\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    certificate_policies: "
     "[2.16.840.1.101.3.2.1.3.8]\n",
     "policy.yaml:26:7: person \"ann\" is a human, and no certificate policy "
     "of the party is for one: expected one among its "
     "\"certificate_policies\"\n"},
    {"    anchors: ca\n",
     "    anchors: ca\n    certificate_policies: [1.2.3]\n",
     "policy.yaml:21:7: person \"bot\" is a service, and no certificate policy "
     "of the party is for one: expected one among its \"service_policies\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_subject: \"CN=Ann | CN=CA\", policy: 1.2.3}",
     "policy.yaml:25:55: policy \"1.2.3\" is not one of the party's for a "
     "human: expected one of its \"certificate_policies\"\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    eku: none\n",
     "policy.yaml:24:10: bad eku \"none\": expected client or any\n"},
    {"    anchors: trust/hospital.pem\n",
     "    anchors: trust/hospital.pem\n    anchors_sha256: "
     "0000000000000000000000000000000000000000000000000000000000000000\n",
     "policy.yaml:24:21: file \"trust/hospital.pem\" has another SHA-256: "
     "expected that of the anchors that were approved\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_subject: \"CN=Ann\"}",
     "policy.yaml:25:29: bad names: expected \"SUBJECT | ISSUER\", such as "
     "\"CN=Ann,O=Lab | CN=Lab CA\"\n"},
    {"ann: {issuer_subject: \"CN=Ann | CN=CA\"}",
     "ann: {issuer_subject: \"CN=Ann | CN=CA\"}\n      bob: {issuer_subject: "
     "\"CN=Ann | CN=CA\"}",
     "policy.yaml:26:29: another person of this party has these names: "
     "expected ones that are nobody else's\n"},
    {", custodian: eva}", "}",
     "policy.yaml:20:98: a service without a custodian: expected \"custodian\" "
     "beside it\n"},
    {", custodian: eva}", ", custodian: bot}",
     "policy.yaml:20:118: the custodian is not a human of this party: expected "
     "a name of \"people\" with kind human\n"},
    {", custodian: eva}", ", custodian: ann}",
     "policy.yaml:20:118: the custodian is not a human of this party: expected "
     "a name of \"people\" with kind human\n"},
    {"kind: service, custodian: eva", "custodian: eva",
     "policy.yaml:20:103: a human with a custodian: expected it for services "
     "only\n"},
    {"kind: critical-infrastructure",
     "kind: critical-infrastructure\n    networks: [10.0.0.1/8]",
     "policy.yaml:23:16: bad network \"10.0.0.1/8\": expected a network whose "
     "bits behind the prefix are 0\n"},
    {"kind: critical-infrastructure",
     "kind: critical-infrastructure\n    scope: [caisi]",
     "policy.yaml:23:12: a scope of \"hospital\", which is no auditor: "
     "expected "
     "it where kind is auditor\n"},
    {"kind: critical-infrastructure",
     "kind: critical-infrastructure\n    networks: [home]",
     "policy.yaml:23:16: bad network \"home\": expected a network such as "
     "198.51.100.0/24 or 2001:db8::/32\n"},
    {"kind: critical-infrastructure",
     "kind: critical-infrastructure\n    hours: {from: \"25:00\"}",
     "policy.yaml:23:19: bad time of day \"25:00\": expected 00:00 to "
     "24:00\n"},
    {"    people:\n      ann: ", "    members:\n      ann: ",
     "policy.yaml:24:5: unknown key \"members\": expected one of kind, "
     "anchors, intermediates, people, revocation, anchors_sha256, "
     "certificate_policies, service_policies, eku, networks, hours, "
     "sealing_key, scope, "
     "selection, notices\n"
     "policy.yaml:22:5: \"people\" is missing: expected a mapping of names\n"},
    {"uses: [chat.completions, messages, models]",
     "uses: [chat.completion, messages]",
     "policy.yaml:28:12: bad use \"chat.completion\": did you mean "
     "\"chat.completions\"?\n"},
    {"uses: [completions]", "uses: [completions, messages]",
     "policy.yaml:43:25: use \"messages\" is in two terms of the window: "
     "expected in one\n"},
    {"extends: evaluation", "extends: plain2",
     "policy.yaml:34:14: no terms \"plain2\": expected terms of this policy\n"},
    {"  plain: {}", "  plain: {extends: likelihood}",
     "policy.yaml:37:20: terms \"likelihood\" extend others themselves: "
     "expected one level\n"},
    {"  plain: {}", "  plain: {}\n  spare: {}",
     "policy.yaml:38:3: no window uses terms \"spare\": expected a window with "
     "them, or none\n"},
    {"  plain: {}", "  plain: {uses: [responses]}",
     "policy.yaml:48:13: terms \"plain\" have no use that model \"orion\" "
     "offers: expected one of its \"apis\"\n"},
    {"  plain: {}", "  plain: {tripwires: [{name: a, when: \"tokens > 1\"}]}",
     "policy.yaml:37:39: bad condition \"tokens > 1\": expected first_use, or "
     "one of requests_per_minute, refusals_per_minute, requests_per_hour, "
     "tokens_per_hour, bytes_per_hour, addresses, wire_per_content, then > and "
     "a number\n"},
    {"  plain: {}",
     "  plain: {tripwires: [{name: a, when: first_use}, {name: a, when: "
     "first_use}]}",
     "policy.yaml:37:58: another tripwire of these terms is called \"a\": "
     "expected a name of its own\n"},
    {"  plain: {}", "  plain: {nda: x}",
     "policy.yaml:37:16: no document \"x\": expected one that this policy "
     "defines\n"},
    {"  plain: {}",
     "  plain: {nda: nda-v1}\ndocuments: {nda-v2: {file: f, sha256: " EMPTY
     "}}",
     "policy.yaml:37:16: no document \"nda-v1\": did you mean \"nda-v2\"?\n"},
    {"  plain: {}", "  plain: []",
     "policy.yaml:37:10: \"terms\" is a list: expected a mapping of fields\n"},
    {"concurrent: 3", "concurrent: 0",
     "policy.yaml:31:44: bad concurrent \"0\": expected a whole number from 1 "
     "to 1M\n"},
    {"concurrent: 3", "concurrent: -3",
     "policy.yaml:31:44: bad concurrent \"-3\": expected a whole number from 1 "
     "to 1M\n"},
    {"concurrent: 3", "concurrent: 3.5",
     "policy.yaml:31:44: bad concurrent \"3.5\": expected a whole number from "
     "1 to 1M\n"},
    {"bytes: 1MiB", "bytes: 33MiB",
     "policy.yaml:32:24: bad bytes \"33MiB\": expected a size in bytes, such "
     "as 16MiB, from 1 to 32MiB\n"},
    {"bytes: 1MiB", "bytes: 1MB",
     "policy.yaml:32:24: bad bytes \"1MB\": expected a size in bytes, such as "
     "16MiB, from 1 to 32MiB\n"},
    {"seconds: 90", "seconds: 0",
     "policy.yaml:32:39: bad seconds \"0\": expected seconds, or a duration "
     "such as 90m, from 1s to 1d\n"},
    {"seconds: 90", "seconds: 25h",
     "policy.yaml:32:39: bad seconds \"25h\": expected seconds, or a duration "
     "such as 90m, from 1s to 1d\n"},
    {"requests: 5M", "requests: 5M, tokens: x",
     "policy.yaml:30:38: bad tokens \"x\": expected a whole number from 1 to "
     "1000G\n"},
    {"  plain: {}", "  plain: {fields: {lgprobs: deny}}",
     "policy.yaml:37:20: no field \"lgprobs\": did you mean \"logprobs\"?\n"},
    {"  plain: {}", "  plain: {fields: {colour: deny}}",
     "policy.yaml:37:20: no field \"colour\": expected one of "
     "docs/policy-reference.md\n"},
    {"  plain: {}", "  plain: {fields: {model: deny}}",
     "policy.yaml:37:20: \"model\" is part of what a request is: expected a "
     "field that can be left out\n"},
    {"  plain: {}", "  plain: {fields: {best_of: allow}}",
     "policy.yaml:37:20: none of the terms' uses has a field \"best_of\": "
     "expected a field of one of them\n"},
    {"  plain: {}", "  plain: {fields: {seed: maybe}}",
     "policy.yaml:37:26: bad rule \"maybe\": expected allow, deny, strip, "
     "{force: VALUE} or {max: NUMBER}\n"},
    {"  plain: {}", "  plain: {fields: {seed: {min: 1}}}",
     "policy.yaml:37:26: a rule that is none: expected allow, deny, strip, "
     "{force: VALUE} or {max: NUMBER}\n"},
    {"  plain: {}", "  plain: {fields: {seed: {max: x}}}",
     "policy.yaml:37:32: bad maximum: expected a number\n"},
    {"  plain: {}", "  plain: {fields: {stop: {max: 1}}}",
     "policy.yaml:37:26: a maximum for a field that is no number: expected "
     "allow, deny or strip\n"},
    {"  plain: {}", "  plain: {fields: {others: allow}}",
     "policy.yaml:37:28: fields that nobody knows cannot be allowed: expected "
     "deny or strip\n"},
    {"  plain: {}",
     "  plain: {uses: [chat.completions, responses], fields: {background: "
     "allow}}",
     "policy.yaml:37:69: what is kept at the endpoint or goes on there belongs "
     "to nobody: expected deny or strip\n"},
    {"  plain: {}",
     "  plain: {uses: [chat.completions, responses], fields: "
     "{previous_response_id: {force: x}}}",
     "policy.yaml:37:79: what is kept at the endpoint or goes on there belongs "
     "to nobody: expected deny or strip\n"},
    {"  plain: {}",
     "  plain: {uses: [chat.completions, responses], fields: "
     "{input.type.item_reference: allow}}",
     "policy.yaml:37:84: what is kept at the endpoint or goes on there belongs "
     "to nobody: expected deny\n"},
    {"  plain: {}", "  plain: {fields: {prefill: strip}}",
     "policy.yaml:37:29: this cannot be taken out of a request: expected allow "
     "or deny\n"},
    {"  plain: {}", "  plain: {fields: {store: {force: no}}}",
     "policy.yaml:37:35: bad value to force: expected true, false, null, a "
     "number, a text (in quotes where it reads like yes or no), a list or a "
     "mapping of them\n"},
    {"  plain: {}", "  plain: {fields: {stream_options: {force: 1}}}",
     "policy.yaml:37:44: an object cannot become this: expected a mapping of "
     "its fields\n"},
    {"  plain: {}",
     "  plain: {fields: {stream_options: {force: {usage: true}}}}",
     "policy.yaml:37:45: \"stream_options\" has no field \"usage\": expected "
     "one of docs/policy-reference.md\n"},
    {"  plain: {}", "  plain: {fields: {messages.audio: {force: 1}}}",
     "policy.yaml:37:36: a field that cannot be forced: expected allow, deny "
     "or strip\n"},
    {"  plain: {}", "  plain: {fields: {logprobs: allow, logit_bias: allow}}",
     "policy.yaml:37:49: logit_bias together with log probabilities gives the "
     "model's output layer away: expected at most one of them in terms\n"},
    {"  plain: {}", "  plain: {tools: {types: [web_search]}}",
     "policy.yaml:37:27: tool type \"web_search\" does not run at the client: "
     "expected function, custom, bash_*, text_editor_*, memory_*, computer_*, "
     "browser_*, local_shell or apply_patch\n"},
    {"  plain: {}", "  plain: {media: {data_urls: yes}}",
     "policy.yaml:37:30: bad data_urls \"yes\": expected deny or allow\n"},
    {"  plain: {}", "  plain: {response: {types: [text/html]}}",
     "policy.yaml:37:30: bad type \"text/html\": expected application/json or "
     "text/event-stream\n"},
    {"  plain: {}", "  plain: {transcripts: seal}",
     "policy.yaml:37:24: bad transcripts \"seal\": did you mean \"sealed\"?\n"},
    {"  plain: {}", "  plain: {transcripts: sealed}",
     "policy.yaml:48:13: terms \"plain\" seal transcripts, and party "
     "\"hospital\" has no key for that: expected a \"sealing_key\" of the "
     "party\n"},
    {"    kind: critical-infrastructure\n",
     "    kind: critical-infrastructure\n    sealing_key: x25519:AAAA\n",
     "policy.yaml:23:18: bad sealing key \"x25519:AAAA\": expected x25519: and "
     "32 bytes in base64\n"},
    {"  plain: {}", "  plain: {marking: {legend: CUI}}",
     "policy.yaml:37:29: \"CUI\" in a developer's legend: expected no "
     "government marking or classification\n"},
    {"  plain: {}", "  plain: {marking: {legend: SECRET PLANS}}",
     "policy.yaml:37:29: \"SECRET\" in a developer's legend: expected no "
     "government marking or classification\n"},
    {"- party: caisi", "- party: caissi",
     "policy.yaml:39:12: no party \"caissi\": did you mean \"caisi\"?\n"},
    {"- party: hospital", "- party: clinic",
     "policy.yaml:44:12: no party \"clinic\": expected one that this policy "
     "defines\n"},
    {"model: orion\n    opens: 2026-11-01",
     "model: orian\n    opens: 2026-11-01",
     "policy.yaml:40:12: no model \"orian\": did you mean \"orion\"?\n"},
    {"terms: [plain]", "terms: [plane]",
     "policy.yaml:48:13: no terms \"plane\": did you mean \"plain\"?\n"},
    {"terms: [plain]", "terms: []",
     "policy.yaml:48:12: \"terms\" has 0 members: expected at least 1\n"},
    {"terms: [plain]", "terms: plain",
     "policy.yaml:48:12: \"terms\" is a single value: expected a list\n"},
    {"terms: [plain]", "terms: [plain]\n    phase: a",
     "policy.yaml:49:5: \"phase\" is not yet supported: expected it to be left "
     "out\n"},
    {"lasts: 10d", "lasts: 31d",
     "policy.yaml:42:12: bad lasts \"31d\": expected a duration, such as 12h "
     "or 30d, from 1s to 30d\n"},
    {"lasts: 10d", "lasts: 0s",
     "policy.yaml:42:12: bad lasts \"0s\": expected a duration, such as 12h or "
     "30d, from 1s to 30d\n"},
    {"lasts: 10d", "lasts: ten days",
     "policy.yaml:42:12: bad lasts \"ten days\": expected a duration, such as "
     "12h or 30d, from 1s to 30d\n"},
    {"    lasts: 10d\n", "",
     "policy.yaml:39:5: the window has neither \"lasts\" nor \"closes\": "
     "expected exactly one of them\n"},
    {"lasts: 10d", "lasts: 10d\n    closes: 2026-11-05T00:00:00Z",
     "policy.yaml:39:5: the window has both \"lasts\" and \"closes\": expected "
     "exactly one of them\n"},
    {"closes: 2026-11-20T12:00:00Z", "closes: 2026-11-11T00:00:00Z",
     "policy.yaml:47:13: the window closes at or before it opens: expected a "
     "time after \"opens\"\n"},
    {"closes: 2026-11-20T12:00:00Z", "closes: 2026-12-11T00:00:01Z",
     "policy.yaml:47:13: the window is longer than 30 days: expected a time at "
     "most 30d after \"opens\"\n"},
    {"closes: 2026-11-20T12:00:00Z", "closes: 2026-11-20 12:00:00",
     "policy.yaml:47:13: bad closes \"2026-11-20 12:00:00\": expected a time "
     "in UTC, such as 2026-11-20T00:00:00Z\n"},
    {"closes: 2026-11-20T12:00:00Z", "closes: 2026-02-30T12:00:00Z",
     "policy.yaml:47:13: bad closes \"2026-02-30T12:00:00Z\": expected a time "
     "in UTC, such as 2026-11-20T00:00:00Z\n"},
    {"opens: 2026-11-01T00:00:00Z", "opens: 2026-11-01T00:00:00.5Z",
     "policy.yaml:41:12: \"opens\" with a fraction: expected whole seconds\n"},
    {"opens: 2026-11-11T00:00:00Z", "opens: 2026-11-10T23:59:59Z",
     "policy.yaml:46:12: the window of \"hospital\" opens before the "
     "government window \"caisi/orion/2026-11-01T00:00:00Z\" has ended: "
     "expected a time at or after its end, or sequence: concurrent\n"},
    {"    terms: [plain]\n",
     "    terms: [plain]\n  - {party: hospital, model: orion, opens: "
     "2026-11-20T11:59:59Z, lasts: 1h, terms: [plain]}\n",
     "policy.yaml:49:44: the window overlaps another one of \"hospital\" and "
     "\"orion\": expected a time at or after its end\n"},
    {"    terms: [plain]\n",
     "    terms: [plain]\n  - {party: hospital, model: orion, opens: "
     "2026-12-10T00:00:00Z, lasts: 25h, terms: [plain]}\n",
     "policy.yaml:49:44: the window ends more than 30 days after the first one "
     "of \"hospital\" and \"orion\" opens: expected an end within these 30 "
     "days\n"},
    {"    terms: [plain]\n", "    terms: [plain]\n  - text\n",
     "policy.yaml:49:5: \"window\" is a single value: expected a mapping of "
     "fields\n"},
    {"policy: 1", "policy: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]",
     "policy.yaml:1:24: nested too deeply: expected at most 16 levels\n"},
};

static const struct wrong wrong_settings[] = {
    {"log: debug", "log: debug\nnotices: {syslog: /dev/log}",
     "sallyport.yaml:5:19: bad socket \"/dev/log\": expected unix:/PATH of at "
     "most 107 bytes\n"},
    {"log: debug", "log: debug\nnotices: {timeout: 5s}",
     "sallyport.yaml:5:11: timeout without a program: expected `hook` beside "
     "it\n"},
    {"log: debug", "log: debug\nnotices: {hook: /bin/true, timeout: 6m}",
     "sallyport.yaml:5:37: bad timeout \"6m\": expected a duration, such as "
     "12h or 30d, from 100ms to 5m\n"},
    {"log: debug", "log: debug\nnotices: {hook: ../mail}",
     "sallyport.yaml:5:17: bad hook \"../mail\": expected the path of a file, "
     "without '..'\n"},
    /* Metrics: nobody else's machine can reach them. */
    {"workers: 2", "workers: 2\nmetrics: {listen: \"0.0.0.0:9464\"}",
     "sallyport.yaml:4:19: bad listen \"0.0.0.0:9464\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"10.0.0.1:9464\"}",
     "sallyport.yaml:4:19: bad listen \"10.0.0.1:9464\": expected an address "
     "of this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[::]:9464\"}",
     "sallyport.yaml:4:19: bad listen \"[::]:9464\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[2001:db8::1]:9464\"}",
     "sallyport.yaml:4:19: bad listen \"[2001:db8::1]:9464\": expected an "
     "address of this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"128.0.0.1:1\"}",
     "sallyport.yaml:4:19: bad listen \"128.0.0.1:1\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"localhost:9464\"}",
     "sallyport.yaml:4:19: bad listen \"localhost:9464\": expected an address "
     "of this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"127.0.0.1\"}",
     "sallyport.yaml:4:19: bad listen \"127.0.0.1\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"127.0.0.1:\"}",
     "sallyport.yaml:4:19: bad listen \"127.0.0.1:\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"127.0.0.1:65536\"}",
     "sallyport.yaml:4:19: bad listen \"127.0.0.1:65536\": expected an address "
     "of this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"127.0.0.1:-1\"}",
     "sallyport.yaml:4:19: bad listen \"127.0.0.1:-1\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[::1]:x\"}",
     "sallyport.yaml:4:19: bad listen \"[::1]:x\": expected an address of this "
     "machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[::1]\"}",
     "sallyport.yaml:4:19: bad listen \"[::1]\": expected an address of this "
     "machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[::1]x:1\"}",
     "sallyport.yaml:4:19: bad listen \"[::1]x:1\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"unix:\"}",
     "sallyport.yaml:4:19: bad listen \"unix:\": expected an address of this "
     "machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"9464\"}",
     "sallyport.yaml:4:19: bad listen \"9464\": expected an address of this "
     "machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \":9464\"}",
     "sallyport.yaml:4:19: bad listen \":9464\": expected an address of this "
     "machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"[::ffff:127.0.0.1]:9464\"}",
     "sallyport.yaml:4:19: bad listen \"[::ffff:127.0.0.1]:9464\": expected an "
     "address of this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    {"workers: 2", "workers: 2\nmetrics: {listen: \"127.0.0.1.:1\"}",
     "sallyport.yaml:4:19: bad listen \"127.0.0.1.:1\": expected an address of "
     "this machine "
     "alone, which nobody else can reach: 127.0.0.1:9464, [::1]:9464 or "
     "unix:PATH\n"},
    /* P8: no deployment without approvers, none twice, never fewer than are
     * required. */
    {"approvals:\n  valid: 12h\n  approvers:\n    bob: " GOOD_KEY_BOB
     "\n    alice: " GOOD_KEY_ALICE "\n",
     "",
     "sallyport.yaml:1:1: no approvers: expected \"approvals: {approvers: "
     "{NAME: \"RW…\", NAME: \"RW…\"}}\" with at least 2 of them (sallyport "
     "approve keygen FILE makes a key pair)\n"},
    {"  approvers:\n    bob: " GOOD_KEY_BOB "\n    alice: " GOOD_KEY_ALICE "\n",
     "  required: 3\n  approvers: {}\n",
     "sallyport.yaml:15:14: no approvers: expected \"approvals: {approvers: "
     "{NAME: \"RW…\", NAME: \"RW…\"}}\" with at least 3 of them (sallyport "
     "approve keygen FILE makes a key pair)\n"},
    {"    alice: " GOOD_KEY_ALICE "\n", "",
     "sallyport.yaml:13:3: 2 approvals are required, but there is 1 approver: "
     "expected at most that many, or more approvers\n"},
    {"valid: 12h", "required: 3",
     "sallyport.yaml:13:13: 3 approvals are required, but there are 2 "
     "approvers: expected at most that many, or more approvers\n"},
    {"valid: 12h", "required: 0",
     "sallyport.yaml:13:13: bad required \"0\": expected a whole number from 1 "
     "to 16\n"},
    {"valid: 12h", "required: 17",
     "sallyport.yaml:13:13: bad required \"17\": expected a whole number from "
     "1 to 16\n"},
    {"valid: 12h", "valid: 59m",
     "sallyport.yaml:13:10: bad valid \"59m\": expected a duration, such as "
     "12h or 30d, from 1h to 365d\n"},
    {"valid: 12h", "valid: 366d",
     "sallyport.yaml:13:10: bad valid \"366d\": expected a duration, such as "
     "12h or 30d, from 1h to 365d\n"},
    {GOOD_KEY_BOB, GOOD_KEY_ALICE,
     "sallyport.yaml:16:12: \"alice\" has the key or key id of another "
     "approver: expected one that is nobody else's\n"},
    {"alice: ", "bob: ",
     "sallyport.yaml:16:5: duplicate key \"bob\": expected it once, it is in "
     "line 15\n"},
    {"alice: RW", "alice: RU",
     "sallyport.yaml:16:12: bad key of \"alice\": expected a public key of "
     "minisign, RW and 54 more characters\n"},
    {GOOD_KEY_BOB, "RWQ",
     "sallyport.yaml:15:10: bad approver \"RWQ\": expected a text with a "
     "length from 56 to 56\n"},
    {"    bob: ", "    Bob: ",
     "sallyport.yaml:15:5: bad name \"Bob\": expected a name of at most 64 of "
     "a-z, 0-9, '.', '_', '-' that begins with a letter or digit\n"},
    {"deployment: sp-east-1\n", "",
     "sallyport.yaml:1:1: \"deployment\" is missing: expected a name of at "
     "most 64 of a-z, 0-9, '.', '_', '-' that begins with a letter or digit\n"},
    {"deployment: sp-east-1", "deployment: sp.east",
     "sallyport.yaml:1:13: bad deployment \"sp.east\": expected at most 63 of "
     "a-z, 0-9 and '-'\n"},
    {"listen: 127.0.0.1:8443", "listen: 127.0.0.1",
     "sallyport.yaml:2:9: bad listen \"127.0.0.1\": expected an address and a "
     "port, such as 127.0.0.1:8443 or [::1]:8443\n"},
    {"listen: 127.0.0.1:8443", "listen: localhost:8443",
     "sallyport.yaml:2:9: bad listen \"localhost:8443\": expected an address "
     "and a port, such as 127.0.0.1:8443 or [::1]:8443\n"},
    {"listen: 127.0.0.1:8443", "listen: 127.0.0.1:65536",
     "sallyport.yaml:2:9: bad listen \"127.0.0.1:65536\": expected an address "
     "and a port, such as 127.0.0.1:8443 or [::1]:8443\n"},
    {"listen: 127.0.0.1:8443", "listen: '[::1:8443'",
     "sallyport.yaml:2:9: bad listen \"[::1:8443\": expected an address and a "
     "port, such as 127.0.0.1:8443 or [::1]:8443\n"},
    {"workers: 2", "workers: 65",
     "sallyport.yaml:3:10: bad workers \"65\": expected auto or a whole number "
     "from 1 to 64\n"},
    {"workers: 2", "workers: many",
     "sallyport.yaml:3:10: bad workers \"many\": expected auto or a whole "
     "number from 1 to 64\n"},
    {"log: debug", "log: verbose",
     "sallyport.yaml:4:6: bad log \"verbose\": expected error, warn, info or "
     "debug\n"},
    /* P8: everybody at the control socket has one role. */
    {"log: debug", "operators: [1001]\nreleasers: [1002, 1001]",
     "sallyport.yaml:5:19: uid 1001 is in `operators` already: expected each "
     "uid once in all three lists\n"},
    {"log: debug", "observers: [7, 7]",
     "sallyport.yaml:4:16: uid 7 is in `observers` already: expected each uid "
     "once in all three lists\n"},
    {"log: debug", "releasers: [9]\nobservers: [9]",
     "sallyport.yaml:4:13: uid 9 is in `observers` already: expected each uid "
     "once in all three lists\n"},
    {"log: debug", "operators: [alice]",
     "sallyport.yaml:4:13: bad uid \"alice\": expected a whole number from 0 "
     "to 4294967294\n"},
    {"log: debug", "releasers: [4294967295]",
     "sallyport.yaml:4:13: bad uid \"4294967295\": expected a whole number "
     "from 0 to 4294967294\n"},
    {"log: debug", "observers: 7",
     "sallyport.yaml:4:12: \"observers\" is a single value: expected a list\n"},
    {"log: debug", "operator: [7]",
     "sallyport.yaml:4:1: unknown key \"operator\": did you mean "
     "\"operators\"?\n"},
    {"log: debug",
     "releasers: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]",
     "sallyport.yaml:4:12: \"releasers\" has 17 members: expected at most "
     "16\n"},
    {"log: debug", "polcy: x.yaml",
     "sallyport.yaml:4:1: unknown key \"polcy\": did you mean \"policy\"?\n"},
    {"checkpoint: 500ms", "checkpoint: 5s",
     "sallyport.yaml:5:35: bad checkpoint \"5s\": expected a duration, such as "
     "12h or 30d, from 100ms to 1s\n"},
    {"checkpoint: 500ms", "origin: a b",
     "sallyport.yaml:5:31: bad origin \"a b\": expected a name without spaces "
     "and plus signs\n"},
    {"settle: 0s", "settle: 2h",
     "sallyport.yaml:6:17: bad settle \"2h\": expected a duration, such as 12h "
     "or 30d, from 0ms to 1h\n"},
    {"connections: 1k", "connections: 1M",
     "sallyport.yaml:7:23: bad connections \"1M\": expected a whole number "
     "from 16 to 16384\n"},
    {"handshake: 5s", "handshake: 11s",
     "sallyport.yaml:8:23: bad handshake \"11s\": expected a duration, such as "
     "12h or 30d, from 100ms to 10s\n"},
    {"lab: {file: keys/lab.token}", "lab: {}",
     "sallyport.yaml:10:8: \"file\" is missing: expected the path of a file, "
     "without '..'\n"},
    {"lab: {file: keys/lab.token}", "lab: keys/lab.token",
     "sallyport.yaml:10:8: \"credential\" is a single value: expected a "
     "mapping of fields\n"},
    {"x-api-key", "cookie",
     "sallyport.yaml:11:37: bad header \"cookie\": expected authorization or "
     "x-api-key\n"},
    {"clock: {settle: 0s}", "listeners: [{address: \"127.0.0.1:1\"}]",
     "sallyport.yaml:2:1: \"listen\" beside \"listeners\": expected one of "
     "them\n"},
    {"listen: 127.0.0.1:8443", "listeners: []",
     "sallyport.yaml:2:12: \"listeners\" has 0 members: expected at least "
     "1\n"},
    {"listen: 127.0.0.1:8443", "listeners: [{profile: strict}]",
     "sallyport.yaml:2:13: \"address\" is missing: expected a text with a "
     "length from 1 to 64\n"},
    {"listen: 127.0.0.1:8443", "listeners: [{address: \"here:1\"}]",
     "sallyport.yaml:2:23: bad address \"here:1\": expected an address and a "
     "port, such as 127.0.0.1:8443 or [::1]:8443\n"},
    {"listen: 127.0.0.1:8443",
     "listeners: [{address: \"[::1]:1\"}, {address: \"[::1]:1\"}]",
     "sallyport.yaml:2:45: \"[::1]:1\" twice: expected another address or "
     "port for each listener\n"},
    {"listen: 127.0.0.1:8443",
     "listeners: [{address: \"[::1]:1\", profile: modern}]",
     "sallyport.yaml:2:43: bad profile \"modern\": expected strict, piv, cnsa "
     "or cnsa1\n"},
    {"listen: 127.0.0.1:8443",
     "listeners: [{address: \"[::1]:1\", test_pki: yes}]",
     "sallyport.yaml:2:44: bad test_pki \"yes\": expected refuse or allow\n"},
    {"clock: {settle: 0s}", "server_names: [{names: [a.b], certificate: c}]",
     "sallyport.yaml:6:16: \"key\" is missing: expected the path of a file, "
     "without '..'\n"},
    {"clock: {settle: 0s}",
     "server_names: [{names: [], certificate: c, key: k}]",
     "sallyport.yaml:6:24: \"names\" has 0 members: expected at least 1\n"},
    {"clock: {settle: 0s}",
     "server_names: [{names: [10.0.0.1], certificate: c, key: k}]",
     "sallyport.yaml:6:25: bad name \"10.0.0.1\": expected a host's name such "
     "as gate.example.org or *.example.org\n"},
    {"clock: {settle: 0s}",
     "server_names: [{names: [\"a.*.b\"], certificate: c, key: k}]",
     "sallyport.yaml:6:25: bad name \"a.*.b\": expected a host's name such as "
     "gate.example.org or *.example.org\n"},
    {"clock: {settle: 0s}",
     "server_names: [{names: [a.b, A.b], certificate: c, key: k}]",
     "sallyport.yaml:6:30: \"a.b\" twice: expected one certificate for a "
     "name\n"},
    {"clock: {settle: 0s}", "client_certificates: {lab: {certificate: c}}",
     "sallyport.yaml:6:28: \"key\" is missing: expected the path of a file, "
     "without '..'\n"},
    {"clock: {settle: 0s}", "crypto: {fips: on}",
     "sallyport.yaml:6:16: bad fips \"on\": expected off or required\n"},
    {"clock: {settle: 0s}", "witnesses: {quorum: 1}",
     "sallyport.yaml:6:13: quorum without witnesses: expected a `list` of "
     "them\n"},
    {"clock: {settle: 0s}",
     "witnesses: {quorum: 2, list: {a: {vkey: x, url: \"unix:/x\"}}}",
     "sallyport.yaml:6:21: a quorum of 2, but there is 1 witness: expected at "
     "most that many\n"},
    {"clock: {settle: 0s}", "witnesses: {on_missing: wait}",
     "sallyport.yaml:6:25: bad on_missing \"wait\": expected alarm or "
     "refuse\n"},
    {"clock: {settle: 0s}", "witnesses: {list: {a: {url: \"unix:/x\"}}}",
     "sallyport.yaml:6:23: \"vkey\" is missing: expected a text with a length "
     "from 1 to 400\n"},
    {"clock: {settle: 0s}",
     "witnesses: {list: {a: {vkey: x, url: \"http://w.example/\"}}}",
     "sallyport.yaml:6:38: bad url \"http://w.example/\": expected https:// "
     "for a host that is not loopback or in a private network\n"},
    {"clock: {settle: 0s}",
     "witnesses: {list: {a: {vkey: x, url: \"https://w.example/\"}}}",
     "sallyport.yaml:6:38: no `ca` for \"https://w.example/\": expected a PEM "
     "file of what it is verified against, such as "
     "/etc/ssl/certs/ca-certificates.crt\n"},
};

#endif
