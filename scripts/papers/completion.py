# SPDX-License-Identifier: Apache-2.0
"""Completion for bash, zsh and fish, from what --help says: verbs, their
subcommands, options, and what options and arguments take, as far as the words
of the uses tell (FILE, DIR, p256|p384)."""
import re

FILES = {"FILE", "KEYFILE", "BUNDLE", "TRANSCRIPT", "SHARE", "CHECKPOINT",
         "OUT", "PLACE", "SOCKET", "PATH"}
FOLDERS = {"DIR", "FOLDER", "LEDGER"}
# A value, with or without what surrounds it: `[--key FILE]`, `(--cert FILE |`.
TAKES = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)"
                   r"(?: (?!-)([^\s\[\]()]+(?: \| [^\s\[\]()-]+)*))?")


def kind(placeholder):
    """"file", "folder", a list of words, or "value"."""
    if placeholder is None:
        return None
    words = placeholder.split("|")
    if len(words) > 1 and all(re.fullmatch(r"[a-z0-9-]+", w) for w in words):
        return words
    names = set(re.split(r"[^A-Z]+", placeholder))
    if names & FILES or placeholder.startswith("pkcs11:"):
        return "file"
    return "folder" if names & FOLDERS else "value"


def takes(command, subcommand=None):
    """{option: kind} of a command, or of one of its subcommands; the uses say
    what one takes more exactly than the lists, so they come first."""
    found = {}
    uses = [u for u in command.uses if subcommand is None
            or u.split()[len(command.words) + 1:][:1] == [subcommand]]
    terms = [i.term for i in command.items() if i.options]
    for text in uses + terms:
        for option, value in TAKES.findall(text):
            value = value.rstrip(",.…") or None
            if found.get(option) is None:
                found[option] = kind(value)
    # Of its own uses, and what no use tells: that goes for all of them.
    own = {o for u in uses for o, _ in TAKES.findall(u)}
    told = {o for u in command.uses for o, _ in TAKES.findall(u)}
    return {o: k for o, k in found.items() if o in own or o not in told}


def entries(main):
    """(words, subcommands, {option: kind}) of all that can be typed."""
    for verb in main.children:
        own = {c.words[-1]: c for c in verb.children}
        subs = verb.subcommands()
        alone = not subs or any(u.split()[2:3] and u.split()[2] not in subs
                                for u in verb.uses)
        yield verb.words, subs, takes(verb) if alone else {}
        for sub in subs:
            yield [*verb.words, sub], [], \
                takes(own[sub]) if sub in own else takes(verb, sub)


def with_help(options):
    return {**options, "--help": None}


# --------------------------------------------------------------------- bash

BASH = r'''# SPDX-License-Identifier: Apache-2.0
# Completion of sallyport and sallyportd for bash; written by scripts/papers.
# Needs nothing but bash.

_sallyport_table() {
    case $1 in
%(table)s
    esac
}

# What option $2 of "$1" takes: file, folder, value, the words, or nothing.
_sallyport_takes() {
    case "$1 $2" in
%(takes)s
    esac
}

_sallyport_files() {
    local line
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(compgen "$1" -- "$2")
}

_sallyport_words() {
    local line
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(compgen -W "$1" -- "$2")
}

_sallyport() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev= at= line= what i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD && i < 3; i++)); do
        line=$(_sallyport_table "$at")
        [[ " $line " == *" ${COMP_WORDS[i]} "* &&
            ${COMP_WORDS[i]} != -* ]] || break
        at=${at:+$at }${COMP_WORDS[i]}
    done
    ((COMP_CWORD > 1)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
    if [[ $prev == -* ]]; then
        what=$(_sallyport_takes "$at" "$prev")
        case $what in
        "") ;;
        file) _sallyport_files -f "$cur"; return ;;
        folder) _sallyport_files -d "$cur"; return ;;
        value) return ;;
        *) _sallyport_words "$what" "$cur"; return ;;
        esac
    fi
    line=$(_sallyport_table "$at")
    if [[ $cur == -* ]]; then
        _sallyport_words "$line" "$cur"
        return
    fi
    # Subcommands only right behind their verb; files and folders otherwise.
    if ((i == COMP_CWORD)); then
        for what in $line; do
            [[ $what != -* && $what == "$cur"* ]] && COMPREPLY+=("$what")
        done
        [[ -z $at ]] && return
    fi
    ((${#COMPREPLY[@]})) || _sallyport_files -f "$cur"
}

_sallyportd() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $prev == -c ]]; then
        _sallyport_files -f "$cur"
    else
        _sallyport_words "%(daemon)s" "$cur"
    fi
}

complete -F _sallyport sallyport
complete -F _sallyportd sallyportd
'''


def text_of(what):
    return " ".join(what) if isinstance(what, list) else what


def bash(main, daemon):
    table = [f'    "") echo "{" ".join(v.words[0] for v in main.children)} '
             f'--help --version" ;;']
    taking = []
    for words, subs, options in entries(main):
        options = with_help(options)
        at = " ".join(words)
        table.append(f'    "{at}") echo "{" ".join([*subs, *options])}" ;;')
        taking += [f'    "{at} {o}") echo "{text_of(k)}" ;;'
                   for o, k in options.items() if k is not None]
    return BASH % {"table": "\n".join(table), "takes": "\n".join(taking),
                   "daemon": " ".join(takes(daemon))}


# ---------------------------------------------------------------------- zsh


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_option(option, what, text):
    text = text.replace("[", "(").replace("]", ")").replace(":", ";")
    action = {"file": ":file:_files", "folder": ":folder:_files -/",
              "value": ":value: ", None: ""}.get(
                  what if not isinstance(what, list) else "list")
    if isinstance(what, list):
        action = f":value:({' '.join(what)})"
    return quoted(f"*{option}[{text}]{action}")


def texts(command):
    """{option: first sentence of its text}."""
    return {o: i.text.split(". ")[0][:70] for i in command.items()
            for o in i.options}


def zsh(main, daemon):
    out = ["#compdef sallyport sallyportd",
           "# SPDX-License-Identifier: Apache-2.0",
           "# Completion for zsh; written by scripts/papers.", ""]
    own = {tuple(c.words): c for v in main.children for c in v.children}
    verbs = {v.words[0]: v for v in main.children}
    out += ["_sallyport_verbs() {", "    local -a verbs=("]
    out += ["        " + quoted(f"{v.words[0]}:{v.summary}")
            for v in main.children]
    out += ["    )", "    _describe verb verbs", "}", "", "_sallyport_at() {",
            '    case $1 in']
    for words, subs, options in entries(main):
        told = texts(verbs[words[0]])
        if tuple(words) in own:
            told |= texts(own[tuple(words)])
        out.append(f"    {quoted(' '.join(words))})")
        if subs:
            out.append(f"        ((CURRENT == 2)) && "
                       f"compadd -- {' '.join(subs)}")
        out.append("        _arguments \\")
        out += [f"            {zsh_option(o, k, told.get(o, 'this text' if o == '--help' else ''))} \\"
                for o, k in with_help(options).items()]
        out.append("            '*:file:_files' ;;")
    out += ["    esac", "}", "", "_sallyport() {",
            "    if [[ $service == sallyportd ]]; then",
            "        _arguments '-c[the configuration]:file:_files' \\",
            *[f"            {quoted(o)} \\" for o in takes(daemon)
              if o != "-c"],
            "            && return", "        return", "    fi",
            "    if ((CURRENT == 2)); then", "        _sallyport_verbs",
            "        return", "    fi", "    local at=$words[2]",
            "    shift words", "    ((CURRENT--))",
            "    case \"$at $words[2]\" in"]
    out += [f"    {quoted(' '.join(w))}) ((CURRENT > 2)) && {{ at+=\" "
            "$words[2]\"; shift words; ((CURRENT--)) } ;;"
            for w, _, _ in entries(main) if len(w) > 1]
    out += ["    esac", '    _sallyport_at "$at"', "}", "",
            '_sallyport "$@"', ""]
    return "\n".join(out)


# --------------------------------------------------------------------- fish


def fish_option(option, what, text):
    name = f"-l {option[2:]}" if option.startswith("--") else \
        f"-s {option[1:]}" if len(option) == 2 else f"-o {option[1:]}"
    more = {"file": " -r -F", "folder": " -x -a '(__fish_complete_directories)'",
            "value": " -x", None: ""}.get(
                what if not isinstance(what, list) else "list", "")
    if isinstance(what, list):
        more = f" -x -a {quoted(' '.join(what))}"
    return name + more + (f" -d {quoted(text)}" if text else "")


def fish(main, daemon):
    out = ["# SPDX-License-Identifier: Apache-2.0",
           "# Completion for fish; written by scripts/papers.",
           "function __sallyport_at",
           "    set -l typed (commandline -opc)",
           "    test \"$typed[2..(count $argv | string collect)]\" = x",
           "end"]
    out = out[:2] + [
        "function __sallyport_at",
        "    set -l typed (commandline -opc) '' ''",
        "    test \"$typed[2]\" = $argv[1]; or return 1",
        "    test (count $argv) -eq 1; or test \"$typed[3]\" = $argv[2]",
        "end",
        "complete -c sallyport -n __fish_use_subcommand -f"]
    own = {tuple(c.words): c for v in main.children for c in v.children}
    verbs = {v.words[0]: v for v in main.children}
    out += [f"complete -c sallyport -n __fish_use_subcommand -a {v.words[0]} "
            f"-d {quoted(v.summary)}" for v in main.children]
    for words, subs, options in entries(main):
        at = quoted("__sallyport_at " + " ".join(words))
        told = texts(verbs[words[0]])
        if tuple(words) in own:
            told |= texts(own[tuple(words)])
        if subs:
            out.append(f"complete -c sallyport -n {at} -a "
                       + quoted(" ".join(subs)))
        out += [f"complete -c sallyport -n {at} "
                + fish_option(o, k, told.get(o, ""))
                for o, k in with_help(options).items()]
    out += ["complete -c sallyportd " + fish_option(o, k, "")
            for o, k in takes(daemon).items()]
    return "\n".join(out) + "\n"
