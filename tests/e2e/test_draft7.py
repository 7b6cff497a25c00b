"""The official cases of JSON Schema, draft 7, judged by lib/policy/schema (tests/support/draft7.c)."""

import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from harness.daemon import POSTHORND

BUILD = POSTHORND.parent
PIN = Path(__file__).with_name("requirements-draft7.txt")

# Groups that are left out, each with why. A case of another group must pass.
REMOTE = "refers to another document, or to a part by an $id other than the document's own: refused"
LETTERS = "\\p{Letter} and \\p{digit} are no names to PCRE2, where \\p{L} and \\p{Nd} are: refused"
BLANKS = "\\s is ASCII, as \\d and \\w are"
NOTE = "no keyword or format that is checked: a note"
LEFT_OUT = {
    ("refRemote.json", None): REMOTE,
    ("definitions.json", "validate definition against metaschema"): REMOTE,
    ("ref.json", "remote ref, containing refs itself"): REMOTE,
    ("ref.json", "Recursive references between schemas"): REMOTE,
    ("ref.json", "refs with relative uris and defs"): REMOTE,
    ("ref.json", "relative refs with absolute uris and defs"): REMOTE,
    ("ref.json", "Location-independent identifier with base URI change in subschema"): REMOTE,
    ("ref.json", "$id must be resolved against nearest parent, not just immediate parent"): REMOTE,
    ("ref.json", "$ref prevents a sibling $id from changing the base uri"): REMOTE,
    ("ref.json", "ref to if"): REMOTE,
    ("ref.json", "ref to then"): REMOTE,
    ("ref.json", "ref to else"): REMOTE,
    ("ref.json", "ref with absolute-path-reference"): REMOTE,
    ("optional/id.json", "id inside an enum is not a real identifier"): REMOTE,
    ("optional/unknownKeyword.json", "$id inside an unknown keyword is not a real identifier"): REMOTE,
    ("optional/cross-draft.json", "refs to future drafts are processed as future drafts"): REMOTE,
    ("optional/ecmascript-regex.json", "ECMA 262 \\s matches whitespace"): BLANKS,
    ("optional/ecmascript-regex.json", "ECMA 262 \\S matches everything but whitespace"): BLANKS,
    ("optional/ecmascript-regex.json", "pattern with non-ASCII digits"): LETTERS,
    ("optional/ecmascript-regex.json", "patternProperties with non-ASCII digits"): LETTERS,
    ("optional/ecmascript-regex.json", "patterns always use unicode semantics with pattern"): LETTERS,
    ("optional/ecmascript-regex.json", "patterns always use unicode semantics with patternProperties"):
        LETTERS,
    ("optional/content.json", None): NOTE,
    ("optional/format/idn-hostname.json", None): NOTE,
    ("optional/format/uri-template.json", None): NOTE,
}


@pytest.fixture(scope="module")
def suite():
    """The folder of the suite, fetched once for each build."""
    folder = BUILD / "draft7"
    tests = folder / "json" / "tests" / "draft7"
    if not tests.is_dir():
        got = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "jsonschema",
             "--dest", folder, "--requirement", PIN], capture_output=True, text=True, check=False)
        if got.returncode:
            pytest.skip("the suite could not be fetched: " + got.stderr.strip()[-200:])
        with tarfile.open(next(folder.glob("jsonschema-*.tar.gz"))) as archive:
            for member in archive.getmembers():
                member.path = member.path.partition("/")[2]
                if member.isfile() and member.path.startswith("json/tests/draft7/"):
                    archive.extract(member, folder)
    return tests


def test_official_cases(suite):
    files = sorted(suite.rglob("*.json"))
    assert len(files) == 63
    ran = subprocess.run([BUILD / "tests/draft7", *files], capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in ran.stdout.splitlines()]
    counts, surprises, used = Counter(), [], set()
    for what, path, group, case, reason in rows:
        name = str(Path(path).relative_to(suite))
        key = next((k for k in ((name, group), (name, None)) if k in LEFT_OUT), None)
        if key and what != "pass":
            used.add(key)
            counts["left out"] += 1
        elif what == "pass":
            counts["pass"] += 1
        else:
            surprises.append(f"{what}: {name}: {group}: {case}: {reason}")
    assert surprises == []
    assert counts == {"pass": 1334, "left out": 113}
    assert used == set(LEFT_OUT)
