"""Mutants: the tree with one protection switched off, and the tests that must fail on it.

Each *.toml beside this file is a chapter: a title, perhaps a text, and its mutants:

    [[mutant]]
    protection = "a token that was revoked is refused"
    off = "nobody asks"                            # how it is switched off, for people
    file = "lib/rest/admit.c"
    old = "admit_is_void(app, &c->token, …)"       # stands in the file exactly once
    new = "false"                                  # "" takes it away
    fails = ["e2e/test_portal_tokens.py::test_expire_all"]

or, in place of file, old and new: `each`, a pattern of files, `old`, a regular expression, and `new`, what takes the
place of each match: one mutant for each file that has a match; `but` names files that are left out.

A test is FOLDER/FILE.py::NAME, of pytest (or all of a file), or unit/FILE::NAME, integration/FILE::NAME, of cmocka."""

import dataclasses
import re
import tomllib


class Wrong(Exception):
    """The list and the tree do not fit."""


@dataclasses.dataclass
class Mutant:
    chapter: str
    protection: str
    off: str
    fails: list
    file: str
    old: str
    new: str
    pattern: str = ""  # of files, when it is one of many

    @property
    def name(self):
        return f"{self.protection} ({self.file})"

    def apply(self, text):
        """The file's text with the protection off."""
        if self.pattern:
            return re.sub(self.old, self.new, text)
        if text.count(self.old) != 1:
            raise Wrong(f"{self.file}: not once, but {text.count(self.old)} times: {self.old!r} ({self.protection})")
        return text.replace(self.old, self.new)


@dataclasses.dataclass
class Chapter:
    name: str
    title: str
    text: str
    entries: list  # as they stand in the file


def chapters(tree):
    for path in sorted(tree.glob("tests/mutants/*.toml")):
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        yield Chapter(path.stem, told["title"], told.get("text", ""), told["mutant"])


def files_of(entry, tree):
    """Files that a pattern's regular expression is found in."""
    left_out = entry.get("but", [])
    found = [path.relative_to(tree) for path in sorted(tree.glob(entry["each"]))
             if path.name not in left_out and re.search(entry["old"], path.read_text(encoding="utf-8"))]
    if not found:
        raise Wrong(f"{entry['each']}: {entry['old']!r} is nowhere ({entry['protection']})")
    for name in left_out:
        if not [path for path in tree.glob(entry["each"]) if path.name == name]:
            raise Wrong(f"{entry['each']}: there is no {name} to be left out ({entry['protection']})")
    return found


def mutants(tree):
    for chapter in chapters(tree):
        for entry in chapter.entries:
            common = (chapter.name, entry["protection"], entry["off"], entry["fails"])
            if "each" in entry:
                for file in files_of(entry, tree):
                    yield Mutant(*common, str(file), entry["old"], entry["new"], entry["each"])
            else:
                yield Mutant(*common, entry["file"], entry["old"], entry["new"])


def test_is_there(tree, test):
    """Whether the tree has the test, as far as its text tells."""
    file, _, name = test.partition("::")
    path = tree / "tests" / file
    if path.suffix != ".py":
        path = path.with_name(f"test_{path.name}.c")
    if not path.exists():
        return False
    text = path.read_text(encoding="utf-8")
    before = r"^def " if path.suffix == ".py" else r"\b"
    return not name or re.search(before + re.escape(name.partition("[")[0]) + r"\b", text, re.MULTILINE) is not None


def check_one(tree, mutant):
    """What is wrong with a mutant, as texts: that it no longer applies, tests that are no more."""
    try:
        text = (tree / mutant.file).read_text(encoding="utf-8")
        if mutant.apply(text) == text:
            yield f"{mutant.file}: nothing changes ({mutant.protection})"
    except (OSError, Wrong) as wrong:
        yield str(wrong)
    for test in mutant.fails:
        if not test_is_there(tree, test):
            yield f"{mutant.chapter}.toml: there is no test {test} ({mutant.protection})"
    if not mutant.fails:
        yield f"{mutant.chapter}.toml: no test fails ({mutant.protection})"


def check(tree):
    """The same of all of them."""
    try:
        for mutant in mutants(tree):
            yield from check_one(tree, mutant)
    except (Wrong, KeyError) as wrong:
        yield str(wrong)


def page(tree):
    """The page of all of them, for people."""
    lines = [INTRODUCTION]
    for chapter in chapters(tree):
        lines += [f"## {chapter.title}", ""]
        if chapter.text:
            lines += [chapter.text.strip(), ""]
        lines += ["| protection | switched off | fails |", "|---|---|---|"]
        for entry in chapter.entries:
            where = entry.get("file") or entry["each"]
            tests = ", ".join(f"`{test}`" for test in entry["fails"])
            lines.append(f"| {entry['protection']} | `{where}`: {entry['off']} | {tests} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


INTRODUCTION = """# Protections, and the tests that miss them

Each line below is a protection, how it can be switched off, and a test that fails then. `tests/mutants/run` switches
them off one after the other, in a copy of the tree, and says which tests did not notice; the list is
`tests/mutants/*.toml`, and a lint (`tests/lint/mutants.py`) sees to it that every line of it still applies and that this
page is made from it. Protections of delivery itself, and what was shown by other means, are in
[reliability.md](reliability.md).
"""
