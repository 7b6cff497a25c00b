#!/usr/bin/env python3
"""mutants.py [TREE]: every protection that tests/mutants/run switches off is there still, and so are the tests that
must fail; docs/protections.md is made from the list."""

import pathlib
import sys

TREE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "mutants"))
sys.dont_write_bytecode = True

import mutants  # noqa: E402  (of the tree's tests/mutants)


def main():
    wrong = list(mutants.check(TREE))
    page = TREE / "docs/protections.md"
    if not page.exists() or page.read_text(encoding="utf-8") != mutants.page(TREE):
        wrong.append(f"{page.relative_to(TREE)} is not current: tests/mutants/run --page >docs/protections.md")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


sys.exit(main())
