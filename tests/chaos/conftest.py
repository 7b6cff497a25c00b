"""Where the harness of the end-to-end tests is; and the short run, made once, of which each seed is a test."""

import pathlib
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/e2e")]

SHORT = [10, 14, 16, 17, 18, 22, 34, 35, 41, 46]


@pytest.fixture(scope="session")
def short_run(request):
    """{seed: its result} of the short form, as far as its seeds were selected:
    tests/chaos/run --seeds … --seconds 4 --load 0.6"""
    from chaos import __main__ as program
    chosen = sorted({item.callspec.params["seed"] for item in request.session.items
                     if "short_run" in item.fixturenames})
    args = program.parse(["--seeds", ",".join(map(str, chosen)), "--seconds", "4", "--load", "0.6"])
    return {result["seed"]: result for result in program.run(args, program.options_of(args))}
