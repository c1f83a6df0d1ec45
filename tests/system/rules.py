# SPDX-License-Identifier: Apache-2.0
"""The policy of tests/rules, for the tests that put it before a live daemon."""
import datetime

from harness import ROOT

RULES = ROOT / "tests/rules"


def policy(d):
    text = (RULES / "policy.yaml").read_text()
    now = datetime.datetime.now(datetime.timezone.utc)

    def at(days):
        return (now + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def day(days):
        return (now + datetime.timedelta(days=days)).strftime("%a").lower()

    for word, by in (("@ENDPOINT@", d.endpoint), ("@DEPLOYMENT@", d.identifier), ("@OPENS@", at(-1)),
                     ("@PAST@", at(-10)), ("@FUTURE@", at(5)), ("@TODAY@", day(0)), ("@TOMORROW@", day(1)),
                     ("@NOT_TODAY@", day(3))):
        text = text.replace(word, by)
    (d.folder / "nda.txt").write_text("I keep to myself what I see.\n")
    d.policy_path.write_text(text)
    if hasattr(d, "approve"):
        d.approve()
