# SPDX-License-Identifier: Apache-2.0
"""Manual pages of file formats, from `sallyport check --reference NAME`, which
prints the program's own tables in Markdown: one heading a record, one row a
field, in four columns."""
import subprocess

import helptext
import mdoc


def said(binary, name):
    done = subprocess.run([str(binary), "check", "--reference", name],
                          capture_output=True, text=True, encoding="utf-8",
                          timeout=60)
    if done.returncode != 0:
        raise helptext.Wrong(f"sallyport check --reference {name}: expected "
                             "exit status 0")
    return done.stdout


def rows(text):
    """(heading, None) and (field, takes, default, meaning) in their order."""
    for text_line in text.splitlines():
        if text_line.startswith("## "):
            yield text_line[3:].strip("`"), None
        elif text_line.startswith("| `"):
            cells = [c.strip() for c in text_line.strip("| ").split("|", 3)]
            if len(cells) != 4:
                raise helptext.Wrong(f"--reference: four columns expected in "
                                     f"{text_line}")
            yield cells[0].strip("`"), cells[1:]


def field(name, cells):
    takes, default, meaning = cells
    out = [f".It Ic {mdoc.argument(name)}"]
    out += mdoc.inline(f"({takes}" + (
        "; required)" if default == "required" else
        f"; default {default})" if default else ")"), set())
    return out + [".br"] + mdoc.inline(meaning, set())


def fields(text):
    """mdoc of all records."""
    out, inside = [], False
    for name, cells in rows(text):
        if cells is None:
            out += [".El"] if inside else []
            inside = False
            out.append(f".Ss {mdoc.escape(name)}\\&")
            continue
        if not inside:
            out.append(".Bl -tag -width Ds")
            inside = True
        out += field(name, cells)
    return out + ([".El"] if inside else [])


def page(binary, name, title, summary, hand, links, epoch):
    parts = dict(hand)
    if name is not None:
        parts["DESCRIPTION"] = parts.get("DESCRIPTION", []) + fields(
            said(binary, name))
    parts["SEE ALSO"] = mdoc.see_also(parts.get("SEE ALSO", []), links)
    return mdoc.page(title, 5, summary, parts, epoch)
