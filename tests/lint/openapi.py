#!/usr/bin/env python3
"""openapi.py POSTHORND [TREE]: the API's document is whole.

Every operation says what it is called, what it does and what it answers; no two have one id; every
reference leads somewhere; no schema, parameter or answer is there for nothing; every file of
lib/api/openapi/ is in it; and docs/compatibility.md has a row for each operation, and says 501 of no
other.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ROW = re.compile(r"^\| `([A-Z]+ /\S*)` \| ([^|]*?) \| *(.*?) *\|$", re.MULTILINE)
METHODS = ("get", "post", "put", "patch", "delete")


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield f"{method.upper()} {path}", item[method]


def references(value):
    """Every $ref below a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def resolves(document, reference):
    at = document
    for step in reference.removeprefix("#/").split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(at, dict) or step not in at:
            return False
        at = at[step]
    return reference.startswith("#/")


def check_operations(document):
    ids = collections.Counter()
    for where, operation in operations(document):
        ids[operation.get("operationId")] += 1
        for member in ("operationId", "summary"):
            if not operation.get(member):
                yield f"{where} has no {member}"
        answers = operation["responses"]
        if not any(status.startswith("2") for status in answers):
            yield f"{where} has no answer (.out)"
    for name, count in ids.items():
        if name and count > 1:
            yield f"{count} operations are called {name}"


def check_references(document):
    found = set(references(document))
    for reference in sorted(found):
        if not resolves(document, reference):
            yield f"{reference} leads nowhere"
    for kind in ("schemas", "parameters", "responses"):
        for name in document["components"][kind]:
            if f"#/components/{kind}/{name}" not in found:
                yield f"{kind}: nothing uses {name}"


def check_files(document, folder):
    places = {
        "parameters": ("parameters", "query."),
        "placeholders": ("parameters", "path."),
        "headers": ("parameters", "header."),
        "responses": ("responses", ""),
    }
    for file in sorted(folder.glob("*.json")):
        kind, prefix = places.get(file.stem, ("schemas", ""))
        known = document["components"][kind]
        if file.stem == "webhooks":
            known = document["webhooks"]
        for name in json.loads(file.read_text(encoding="utf-8")):
            if prefix + name not in known:
                yield f"{file.name}: {name} is not in the document (lib/api/meson.build)"


def unnamed(route):
    """The same, whatever its placeholders are called."""
    return re.sub(r"\{\w+\}", "{}", route)


def check_compatibility(document, page):
    offered = {unnamed(where) for where, _ in operations(document)}
    told = collections.Counter()
    for route, word, how in ROW.findall(page.read_text(encoding="utf-8")):
        told[unnamed(route)] += 1
        if word not in ("same", "better", "own", "501"):
            yield f"{page.name}: {route}: {word}?"
        elif (word != "501") != (unnamed(route) in offered):
            yield f"{page.name}: {route} is not {word}"
        elif word in ("better", "own") and not how:
            yield f"{page.name}: {route} does not say how"
    for where, _ in operations(document):
        if unnamed(where) not in told:
            yield f"{page.name}: {where} is not there"
    yield from (f"{page.name}: {route} is there twice" for route, n in told.items() if n > 1)


def main():
    posthornd = pathlib.Path(sys.argv[1]).resolve()
    tree = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2])
    printed = subprocess.run([posthornd, "openapi"], capture_output=True, text=True, check=False)
    if printed.returncode:
        print(printed.stderr, end="")
        return 1
    document = json.loads(printed.stdout)
    wrong = [
        *check_operations(document),
        *check_references(document),
        *check_files(document, tree / "lib/api/openapi"),
        *check_compatibility(document, tree / "docs/compatibility.md"),
    ]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
