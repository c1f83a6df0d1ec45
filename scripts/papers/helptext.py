# SPDX-License-Identifier: Apache-2.0
"""Reads what the programs say with --help, and finds out what there is to ask.

The form of a help (every verb keeps to it, tests/system/test_papers holds them
to it): first "usage: " and one line, or several, a use, each use beginning with
the whole command; then paragraphs; lists of indented "TERM  text" with the text
two spaces away or on the next line, further in; what else is indented is shown
as it is. "Exit status" and what follows it in a paragraph is a part of its own.
"""
import re
import subprocess
import tempfile

WORD = re.compile(r"[a-z][a-z0-9-]*$")
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


class Wrong(Exception):
    """A help that cannot be understood: who says it, and what was expected."""


class Item:
    """One of a list: `--key FILE` and what it is."""

    def __init__(self, term, text):
        self.term = term
        self.text = text
        self.options = OPTION.findall(term) if term.startswith("-") else []


class Block:
    """kind "text" (text), "list" (items) or "literal" (lines)."""

    def __init__(self, kind, content):
        self.kind = kind
        self.content = content


class Command:
    """What one --help says. `words` is ["log", "verify"], [] for the whole."""

    def __init__(self, program, words, summary, said):
        self.program = program
        self.words = words
        self.summary = summary
        self.said = said
        self.uses = []
        self.blocks = []
        self.exit_status = None
        self.children = []
        parse(self)

    @property
    def name(self):
        return " ".join([self.program, *self.words])

    @property
    def page(self):
        return "-".join([self.program, *self.words])

    def items(self):
        return [i for b in self.blocks if b.kind == "list" for i in b.content]

    def options(self):
        """Every option that the help names, in its order, once."""
        return list(dict.fromkeys(OPTION.findall(self.said)))

    def subcommands(self):
        """The words that follow the verb in its uses: [] if it has none."""
        n = len(self.words) + 1
        words = [use.split() for use in self.uses]
        return list(dict.fromkeys(
            w[n] for w in words
            if len(w) > n and WORD.match(w[n]) and self.words))


def indentation(line):
    return len(line) - len(line.lstrip(" "))


def is_list(lines):
    """Lines without a blank one between them, the first indented: terms with
    texts, or something to be shown as it is?"""
    base = indentation(lines[0])
    for i, line in enumerate(lines):
        if indentation(line) != base:
            continue
        further = i + 1 < len(lines) and indentation(lines[i + 1]) > base
        if not (line.strip().startswith("--") or re.search(r"\S {2,}\S", line)
                or further):
            return False
    return True


def read_list(lines):
    base = indentation(lines[0])
    items = []
    for line in lines:
        if indentation(line) == base:
            term, _, text = line.strip().partition("  ")
            items.append((term, [text.strip()] if text else []))
        else:
            items[-1][1].append(line.strip())
    return Block("list", [Item(t, " ".join(x)) for t, x in items])


def read_part(lines):
    """Blocks of lines that no blank line parts."""
    blocks = []
    while lines:
        inside = indentation(lines[0]) >= 2
        n = 0
        while n < len(lines) and (indentation(lines[n]) >= 2) == inside:
            n += 1
        run, lines = lines[:n], lines[n:]
        if not inside:
            blocks.append(Block("text", " ".join(x.strip() for x in run)))
        elif is_list(run):
            blocks.append(read_list(run))
        else:
            base = min(indentation(x) for x in run)
            blocks.append(Block("literal", [x[base:] for x in run]))
    return blocks


def read_uses(command, lines):
    """The uses, each in one line."""
    start = command.program
    for line in lines:
        text = line[len("usage: "):] if line.startswith("usage: ") else \
            line.strip()
        if text.split()[:1] == [start]:
            command.uses.append(text)
        elif command.uses:
            command.uses[-1] += " " + text
        else:
            raise Wrong(f"{command.name} --help: expected `usage: {start} …` "
                        "first")
    n = len(command.words) + 1
    for use in command.uses:
        if use.split()[:n] != [start, *command.words]:
            raise Wrong(f"{command.name} --help: the use `{use}` does not "
                        f"begin with `{command.name}`")


def parse(command):
    parts, part = [], []
    for line in command.said.rstrip("\n").split("\n") + [""]:
        if line.strip():
            part.append(line.rstrip())
        elif part:
            parts.append(part)
            part = []
    if not parts or not parts[0][0].startswith("usage: "):
        raise Wrong(f"{command.name} --help: expected `usage: ` first")
    read_uses(command, parts[0])
    for part in parts[1:]:
        for block in read_part(part):
            at = block.content.find("Exit status") \
                if block.kind == "text" else -1
            if at < 0:
                command.blocks.append(block)
                continue
            if block.content[:at].strip():
                command.blocks.append(Block("text", block.content[:at].strip()))
            command.exit_status = block.content[at:]


# ------------------------------------------------------------------- asking


def ask(binary, words):
    """What `binary WORDS --help` says; None if it has no such help. Asked in
    an empty folder that goes away: a verb that is wrong writes nothing here."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(binary), *words, "--help"], cwd=folder,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, encoding="utf-8", timeout=60)
    return done.stdout if done.returncode == 0 else None


def summaries(command):
    """Of its verbs or subcommands: {"verify": "checks everything …"}."""
    return {i.term.split()[0]: i.text for i in command.items()
            if not i.term.startswith("-")}


def read_child(binary, parent, word, summary):
    words = [*parent.words, word]
    said = ask(binary, words)
    if said is None:
        raise Wrong(f"{parent.program} {' '.join(words)} --help: expected exit "
                    "status 0")
    return Command(parent.program, words, summary, said)


def read_verb(binary, main, word, summary):
    """A verb, and those of its subcommands that have a help of their own."""
    verb = read_child(binary, main, word, summary)
    told = summaries(verb)
    for sub in verb.subcommands():
        said = ask(binary, [word, sub])
        if said is None:
            raise Wrong(f"{verb.name} {sub} --help: expected exit status 0")
        if said != verb.said:
            if sub not in told:
                raise Wrong(f"{verb.name} --help: expected a line about "
                            f"`{sub}`")
            verb.children.append(
                Command(verb.program, [word, sub], told[sub], said))
    return verb


def read_sallyport(binary):
    """The whole command: its children are the verbs."""
    said = ask(binary, [])
    if said is None:
        raise Wrong(f"{binary} --help: expected exit status 0")
    main = Command("sallyport", [], "the gate's command", said)
    for word, summary in summaries(main).items():
        main.children.append(read_verb(binary, main, word, summary))
    if not main.children:
        raise Wrong("sallyport --help: expected a list of verbs")
    return main


def read_sallyportd(binary):
    said = ask(binary, [])
    if said is None:
        raise Wrong(f"{binary} --help: expected exit status 0")
    return Command("sallyportd", [],
                   "a gate in front of a model before its release", said)


def everything(main):
    """The command, its verbs and their subcommands."""
    yield main
    for child in main.children:
        yield from everything(child)
