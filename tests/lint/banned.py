#!/usr/bin/env python3
"""banned.py [TREE]: functions that are not used here, and why. Exceptions: tests/lint/banned.allow."""

import re
import sys

import source

UNBOUNDED = "no bound: use struct buf or snprintf"
PARSER = "accepts blanks, signs and garbage, overflow unseen: use str_to_i64"
STATIC = "static buffer: use the _r form"
BLOCKS = "blocks the loop"
BANNED = {
    "strcpy": UNBOUNDED,
    "strcat": UNBOUNDED,
    "strncpy": "may leave no NUL: use strlcpy or snprintf",
    "strncat": UNBOUNDED,
    "sprintf": UNBOUNDED,
    "vsprintf": UNBOUNDED,
    "gets": UNBOUNDED,
    "strtok": "hidden state: use str_split",
    "atoi": PARSER,
    "atol": PARSER,
    "atoll": PARSER,
    "strtol": PARSER,
    "strtoll": PARSER,
    "strtoul": PARSER,
    "strtoull": PARSER,
    "gmtime": STATIC,
    "localtime": STATIC,
    "ctime": STATIC,
    "asctime": STATIC,
    "rand": "predictable: use rand_ of base/rand.h",
    "random": "predictable: use rand_ of base/rand.h",
    "srand": "predictable: use rand_ of base/rand.h",
    "sleep": BLOCKS,
    "usleep": BLOCKS,
    "gethostbyname": "blocks, and is not reentrant: use http/resolver.h",
    "alloca": "no bound on the stack",
    "system": "a shell",
    "popen": "a shell",
}
BANNED_IN_LIB = {
    "PQexec": BLOCKS + ": use pg/pg.h",
    "PQexecParams": BLOCKS + ": use pg/pg.h",
    "PQconnectdb": BLOCKS + ": use pg/pg.h",
    "curl_easy_perform": BLOCKS + ": use http/client.h",
    "exit": "library code never exits",
}

# The macros of sys/queue.h name their element several times.
LIST_CALL = re.compile(
    r"\b((?:TAILQ|STAILQ|LIST|SLIST)_(?:INSERT|REMOVE)\w*)\(.*,\s*\w+\([^;]*\),\s*\w+\);")


def uses(text, names):
    """(line, name) of every call."""
    call = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
    for number, line in enumerate(text.split("\n"), 1):
        for found in call.finditer(line):
            yield number, found.group(1)


def main():
    tree = source.root(sys.argv)
    allow_path = tree / "tests/lint/banned.allow"
    allow = source.allowed(allow_path)
    used, problems = set(), []
    for path in source.files(tree, "lib", "cmd", "tests", "deploy"):
        file = str(path.relative_to(tree))
        names = {**BANNED, **BANNED_IN_LIB} if file.startswith("lib/") else BANNED
        for line, name in uses(source.code(path), names):
            if (file, name) in allow:
                used.add((file, name))
            else:
                problems.append(f"{file}:{line}: {name}: {names[name]}")
        for line, text in enumerate(source.code(path).split("\n"), 1):
            if found := LIST_CALL.search(text):
                problems.append(f"{file}:{line}: {found.group(1)}: its call is made several times")
    return source.report(problems, set(allow) - used, allow_path)


sys.exit(main())
