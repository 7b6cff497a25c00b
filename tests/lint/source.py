"""C source for the lints: which files, and their text without comments and literals."""

import pathlib
import re

TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)


def files(tree, *folders, suffixes=(".c", ".h")):
    """The sources below the folders, sorted."""
    found = []
    for folder in folders:
        found += (p for p in (tree / folder).rglob("*") if p.suffix in suffixes and p.is_file())
    return sorted(found)


def code(path):
    """The text with comments and literals blanked; every line keeps its number."""
    text = path.read_text(encoding="utf-8")
    return TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token.group()), text)


def allowed(path):
    """An allow-list: "FILE WHAT [LIMIT] # reason" on each line; a reason is required."""
    entries = {}
    if not path.exists():
        return entries
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        entry, _, reason = line.partition("#")
        words = entry.split()
        if len(words) not in (2, 3) or not reason.strip():
            raise SystemExit(f"{path}: '{line}' is not 'FILE WHAT [LIMIT] # reason'")
        entries[words[0], words[1]] = int(words[2]) if len(words) == 3 else None
    return entries


def root(argv):
    """The tree to judge: the first argument, else the one this file is in."""
    return pathlib.Path(argv[1]) if len(argv) > 1 else pathlib.Path(__file__).parents[2]


def report(problems, unused, allow_path):
    """Prints what is wrong; an allow-list entry that nothing needs any more is wrong too."""
    for problem in problems:
        print(problem)
    for file, what in unused:
        print(f"{allow_path}: '{file} {what}' is not needed any more: remove it")
    return 1 if problems or unused else 0
