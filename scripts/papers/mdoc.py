# SPDX-License-Identifier: Apache-2.0
"""Manual pages in mdoc(7): what --help says, and beside it the parts that are
written by hand in docs/man/PAGE.in (examples, files, see also, …)."""
import datetime
import re
import textwrap

# In this order, as mdoc(7) has them.
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES",
            "EXIT STATUS", "EXAMPLES", "DIAGNOSTICS", "SEE ALSO", "STANDARDS",
            "HISTORY", "CAVEATS", "SECURITY CONSIDERATIONS"]
PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*(?:-[A-Za-z]+)*$")
OPTION = re.compile(r"--?[A-Za-z][\w-]*$")
PIECE = re.compile(r"\[|\]|\(|\)|\||[^\[\]()|\s]+")


def escape(text):
    text = text.replace("\\", "\\e").replace("…", "...")
    text = text.replace("–", "\\(en").replace("→", "\\(->")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def line(text):
    """A line of text, which must not look like a macro."""
    text = escape(text)
    return "\\&" + text if text[:1] in ".'" else text


def argument(text):
    """One argument of a macro, which must not be taken for one itself."""
    text = escape(text).replace('"', "\\(dq")
    if re.match(r"[A-Z%][a-z0-9A-Z]{1,2}$", text) or \
            re.match(r"[.,:;()\[\]?!|]$", text):
        text = "\\&" + text
    return f'"{text}"' if " " in text or text == "" else text


def word(text):
    """One word of a use, as a macro."""
    if OPTION.match(text):
        return "Fl " + argument(text[1:])
    if text in ("...", "…"):
        return "No ..."
    if re.search(r"[A-Z]", text):
        return "Ar " + argument(text)
    return "Cm " + argument(text)


def use_macros(use):
    """`DIR [--key VKEY | --no-key]...` as macro lines: a formatter breaks
    between them, and not inside."""
    lines, macros, depth = [], [], 0
    end = None  # where the last piece ended, if something may stick to it
    for found in PIECE.finditer(use):
        piece = found.group()
        sticks = found.start() == end
        end = found.end()
        if piece in "[(":
            macro = "Oo" if piece == "[" else "Po"
        elif piece in "])":
            macro = "Oc" if piece == "]" else "Pc"
            sticks = False  # there is no space before them anyway
        elif piece == "|":
            macro, sticks, end = "|", False, None
        else:
            macro = word(piece)
        if macros and depth == 0 and not sticks and piece != "|" and \
                macros[-1] != "|":
            lines.append("." + " ".join(macros))
            macros = []
        depth += (piece in "[(") - (piece in "])")
        if sticks and macros and macros[-1] not in ("Oo", "Po"):
            macros.append("Ns")
        macros.append(macro)
    return lines + ["." + " ".join(macros)] if macros else lines


def synopsis(command):
    out = []
    for use in command.uses:
        words = use.split(None, len(command.words) + 1)
        out.append(f".Nm {command.name}")
        if len(words) > len(command.words) + 1:
            out += use_macros(words[-1])
    return out


def inline(text, names):
    """Running text: `code`, options and the placeholders in `names` marked."""
    out, plain = [], []
    pattern = re.compile(r"`([^`]+)`|(?<![\w/-])(--[a-z][\w-]*)|\b("
                         + "|".join(map(re.escape, sorted(
                             names, key=len, reverse=True))) + r")\b(?![\w/])"
                         if names else
                         r"`([^`]+)`|(?<![\w/-])(--[a-z][\w-]*)|(\b\B)")

    def flush():
        # A line a sentence, and none too long: mdoc(7) wants it so.
        for sentence in re.split(r"(?<=[.!?]) (?=\S)", " ".join(plain)):
            if sentence:
                out.extend(map(line, textwrap.wrap(
                    sentence, 78, break_long_words=False,
                    break_on_hyphens=False)))
        plain.clear()

    for chunk in split_words(text):
        found = pattern.search(chunk)
        if not found or (found.group(3) and found.span() != (0, len(
                chunk.rstrip(".,:;)")))):
            plain.append(chunk)
            continue
        before, after = chunk[:found.start()], chunk[found.end():]
        macro = "Ql " + argument(found.group(1)) if found.group(1) else \
            "Fl " + argument(found.group(2)[1:]) if found.group(2) else \
            "Ar " + argument(found.group(3))
        flush()
        if before:
            macro = f"No {argument(before)} Ns {macro}"
        if after and re.fullmatch(r"[.,:;)?!]+", after):
            macro += " " + " ".join(after)
        elif after:
            macro += " Ns No " + argument(after)
        out.append("." + macro)
    flush()
    return out


def split_words(text):
    """Words, with `code that has spaces` kept in one."""
    words, open_word = [], ""
    for piece in text.split():
        open_word = f"{open_word} {piece}" if open_word else piece
        if open_word.count("`") % 2 == 0:
            words.append(open_word)
            open_word = ""
    return words + ([open_word] if open_word else [])


def placeholders(command):
    texts = command.uses + [i.term for i in command.items() if i.options]
    found = set()
    for text in texts:
        for piece in re.findall(r"[A-Za-z0-9_-]+", text):
            if PLACEHOLDER.match(piece) and len(piece) > 1:
                found.add(piece)
    return found


def term(item):
    """`--key FILE, --cert FILE` or `keygen`, as what follows .It"""
    if not item.options:
        return "Ic " + argument(item.term)
    macros = []
    for part in item.term.split(", "):
        pieces = [word(p) if OPTION.match(p) else "Ar " + argument(p)
                  for p in re.findall(r"'[^']*'|\S+", part)]
        macros.append(" ".join(pieces))
    return " , ".join(macros)


def blocks(command):
    names = placeholders(command)
    out = []
    for block in command.blocks:
        if block.kind == "text":
            out += [".Pp"] if out else []
            out += inline(block.content, names)
        elif block.kind == "literal":
            out += [".Bd -literal -offset indent"]
            out += [line(x) for x in block.content] + [".Ed"]
        else:
            out.append(".Bl -tag -width Ds")
            for item in block.content:
                out.append(".It " + term(item))
                out += inline(item.text, names) if item.text else []
            out.append(".El")
    return out


def exit_status(command, general):
    told = command.exit_status or general
    return inline(re.sub(r"^Exit status:? *", "", told), set())


def handwritten(path):
    """{"DESCRIPTION": lines, "EXAMPLES": lines, …}; what is before the first
    .Sh goes behind the description."""
    parts, section = {}, "DESCRIPTION"
    for text in path.read_text(encoding="utf-8").splitlines():
        if text.startswith('.\\"'):
            continue
        if text.startswith(".Sh "):
            section = text[4:].strip()
            if section not in SECTIONS:
                raise ValueError(f"{path}: section {section}: expected one of "
                                 + ", ".join(SECTIONS))
            continue
        parts.setdefault(section, []).append(text)
    return parts


def see_also(lines, more):
    """The pages named by hand and those that the structure names, in order."""
    names = {tuple(x.split()[1:3]) for x in lines if x.startswith(".Xr ")}
    names |= set(more)
    names = sorted(names, key=lambda x: (x[1], x[0]))
    out = [f".Xr {n} {s} ," for n, s in names]
    if out:
        out[-1] = out[-1][:-2]
    return out + [x for x in lines if not x.startswith(".Xr ")]


def date(epoch):
    at = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc)
    return f"{at:%B} {at.day}, {at.year}"


def short(summary):
    """The first thing that it says, for apropos(1)."""
    return re.split(r"[.;:] ", summary)[0].rstrip(".")


def page(title, section, summary, parts, epoch):
    """The whole page from {section: lines}."""
    out = ['.\\" Written by scripts/papers from --help and docs/man.',
           f".Dd {date(epoch)}", f".Dt {title.upper()} {section}", ".Os",
           ".Sh NAME", f".Nm {title}", f".Nd {escape(short(summary))}"]
    for name in SECTIONS:
        if parts.get(name):
            out += [f".Sh {name}", *parts[name]]
    return "\n".join(out) + "\n"


def command_page(command, section, hand, general, links, epoch):
    parts = {"SYNOPSIS": synopsis(command), "DESCRIPTION": blocks(command),
             "EXIT STATUS": exit_status(command, general)}
    more = dict(hand)
    if more.get("DESCRIPTION"):
        parts["DESCRIPTION"] += [".Pp"] + more.pop("DESCRIPTION")
    parts["SEE ALSO"] = see_also(more.pop("SEE ALSO", []), links)
    parts.update(more)
    return page(command.page, section, command.summary, parts, epoch)
