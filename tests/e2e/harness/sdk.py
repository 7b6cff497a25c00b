"""The programs of tests/e2e/sdk, each with an unmodified SDK or reference library of its language, as
tests/e2e/sdk/build has made them ready."""

import base64
import json
import os
import subprocess

import pytest

from .daemon import BUILD

OUT = BUILD / "sdk"
PYTHON = OUT / "python/venv/bin/python"
# language → the command that runs a program of it
COMMANDS = {
    "python": lambda program: [PYTHON, OUT / f"python/{program}.py"],
    "javascript": lambda program: ["node", OUT / f"javascript/{program}.mjs"],
    "go": lambda program: [OUT / "go" / program],
    "rust": lambda program: [OUT / "rust" / program],
    "java": lambda program: ["java", "-cp", f"{OUT}/java:{OUT}/java/jars/*", program.title()],
}


def need(language):
    """Skips where the language's SDK is out of reach, fails where it could not be built."""
    state = OUT / f"{language}.state"
    found = state.read_text().strip() if state.exists() else "cannot: not built (tests/e2e/sdk/build)"
    if found.startswith("cannot"):
        pytest.skip(f"{language}: {found}", allow_module_level=True)
    assert found == "ready", f"{language}: {found} (all of it: {OUT}/{language}.log)"


def run(language, program, *arguments, line=2, stdin=None):
    """What it prints. An error of the SDK is the failure."""
    need(language)
    env = dict(os.environ)
    if language == "python" and line == 1:
        env["PYTHONPATH"] = str(OUT / "python/venv/svix-v1")
    done = subprocess.run([*COMMANDS[language](program), *arguments], input=stdin or "", text=True,
                          capture_output=True, env=env, timeout=300)
    assert done.returncode == 0, f"{language} {program}:\n{done.stdout}{done.stderr}"
    print(done.stdout)
    return done.stdout


def verdicts(language, cases):
    """What the language's reference library of Standard Webhooks says of each (secret, headers, body)."""
    lines = [json.dumps({"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()})
             for secret, headers, body in cases]
    said = run(language, "verify", stdin="\n".join(lines) + "\n").splitlines()
    return [words.split(":")[0] for words in said]
