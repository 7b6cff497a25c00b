#!/usr/bin/env python3
"""sizes.py [TREE]: functions of at most 100 lines, files of at most 900.

Exceptions stand in tests/lint/sizes.allow as "FILE FUNCTION LINES # reason" (FUNCTION is "-" for the
file itself); an entry may shrink, never grow."""

import re
import sys

import source

FUNCTION_MAX = 100
FILE_MAX = 900


def functions(text):
    """(name, lines) of each function: its braces stand in the first column (.clang-format)."""
    lines = text.split("\n")
    name, start = None, None
    for number, line in enumerate(lines):
        called = re.match(r"(?:[A-Za-z_][\w \t*]*[ \t*])?([A-Za-z_]\w*)\(", line)
        if called and start is None:
            name = called.group(1)
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield name, number - start - 1
            start = None


def measured(tree):
    for path in source.files(tree, "lib", "cmd", "tests", "deploy"):
        file = str(path.relative_to(tree))
        text = source.code(path)
        yield file, "-", text.count("\n"), FILE_MAX
        for name, lines in functions(text):
            yield file, name, lines, FUNCTION_MAX


def main():
    tree = source.root(sys.argv)
    allow_path = tree / "tests/lint/sizes.allow"
    allow = source.allowed(allow_path)
    used, problems = set(), []
    for file, name, lines, limit in measured(tree):
        if lines <= limit:
            continue
        what = "the file" if name == "-" else name
        granted = allow.get((file, name))
        if granted is None:
            problems.append(f"{file}: {what} has {lines} lines, at most {limit} are allowed")
        elif lines != granted:
            used.add((file, name))
            problems.append(f"{file}: {what} has {lines} lines, sizes.allow says {granted}")
        else:
            used.add((file, name))
    return source.report(problems, set(allow) - used, allow_path)


sys.exit(main())
