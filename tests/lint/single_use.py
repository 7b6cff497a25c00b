#!/usr/bin/env python3
"""single_use.py [TREE]: a function of lib/ that no other file uses is static, or not there at all.

Tests count as users. Exceptions: tests/lint/single_use.allow."""

import re
import sys

import source

DEFINITION = re.compile(r"^([a-z_]\w*)\(", re.MULTILINE)


def public_functions(text):
    """Names in the first column whose line before, the type, is not static (.clang-format)."""
    for found in DEFINITION.finditer(text):
        before = text[: found.start()].rstrip("\n").rsplit("\n", 1)[-1]
        if before.strip() and "static" not in before and not before.startswith("#"):
            yield found.group(1)


def main():
    tree = source.root(sys.argv)
    allow_path = tree / "tests/lint/single_use.allow"
    allow = source.allowed(allow_path)
    sources = source.files(tree, "lib", "cmd", "tests", "deploy", suffixes=(".c", ".h", ".def"))
    texts = {path: source.code(path) for path in sources}
    words = {path: set(re.findall(r"\w+", text)) for path, text in texts.items()}
    used, problems = set(), []
    for path, text in texts.items():
        file = str(path.relative_to(tree))
        if path.suffix != ".c" or not file.startswith("lib/"):
            continue
        for name in public_functions(text):
            if any(name in words[p] for p in sources if p != path and is_user(p, name, texts)):
                continue
            if (file, name) in allow:
                used.add((file, name))
            else:
                problems.append(f"{file}: {name} is used in no other file: make it static")
    return source.report(problems, set(allow) - used, allow_path)


def is_user(path, name, texts):
    """A .c or .def file that names it; a header only where it is more than the declaration."""
    if path.suffix != ".h":
        return True
    return len(re.findall(rf"\b{name}\b", texts[path])) > 1


sys.exit(main())
