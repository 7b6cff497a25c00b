"""The short form of the chaos run. A failure names the directory that says what happened."""

import pytest

from chaos import plan

from .conftest import SHORT


def test_the_short_run_has_every_kind_of_fault():
    plans = [plan.make_plan(seed, plan.Options(seconds=4, load=0.6)) for seed in SHORT]
    assert {b.kind for p in plans for b in p.breaks} == {k for kinds in plan.FAULTS.values() for k in kinds}
    assert {w.link for p in plans for w in p.windows} == {"hooks", "hooks-tls", "api"}
    assert {k for p in plans for w in p.windows for k in w.kinds} == set(plan.WINDOW_KINDS)
    assert any(not p.breaks for p in plans)


@pytest.mark.parametrize("seed", SHORT)
def test_seed(short_run, seed):
    result = short_run[seed]
    told = "\n".join(f"{p['kind']}: {p['text']}" for p in result["problems"][:10])
    assert result["ok"], f"{len(result['problems'])} problems, see {result.get('kept')}\n{told}"
    assert result["counts"]["acknowledged"] > 0 and result["counts"]["deliveries"] > 0
