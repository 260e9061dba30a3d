"""Measures of ranks, against the libraries whose import they save."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import false_discovery_control, spearmanr
from sklearn.metrics import roc_auc_score

from seformer.util.ranks import auroc, false_discovery_rates, spearman

LEAN = ["training.head", "training.full", "scoring.variant_shards"]
LEAN += ["explain.check", "explain.dissect"]


def test_auroc_of_a_known_answer():
    # of the six pairs four are right and one is a tie
    assert auroc([1, 1, 0, 0, 0], [3.0, 1.0, 2.0, 1.0, 0.0]) == 4.5 / 6


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_as_the_libraries_with_and_without_ties(decimals):
    rng = np.random.default_rng(1)
    for n in (5, 80, 3000):
        labels = np.arange(n) % 3 == 0
        scores = (rng.normal(size=n) + labels).round(decimals)
        other = (scores + rng.normal(size=n)).round(decimals)
        assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert spearman(scores, other) == pytest.approx(
            spearmanr(scores, other).statistic, abs=1e-12
        )


def test_one_class_has_no_auroc_and_nan_is_an_error():
    assert np.isnan(auroc([1, 1], [0.2, 0.1]))
    with pytest.raises(ValueError, match="not a number"):
        auroc([1, 0], [0.2, np.nan])


def test_what_has_no_p_has_no_q_and_does_not_count():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    known = np.isfinite(p)
    q = false_discovery_rates(p)
    assert np.isnan(q[1]) and (q[known] == false_discovery_control(p[known])).all()
    assert np.isnan(false_discovery_rates(np.array([np.nan, np.nan]))).all()
    assert false_discovery_rates(np.array([])).shape == (0,)


def test_a_task_does_not_pay_a_second_for_statistics_that_it_does_not_need():
    """One process imports them all; it names the first that brings statistics with it."""
    code = "import importlib, sys\nfor module in sys.argv[1:]:\n"
    code += "    importlib.import_module(f'seformer.{module}')\n"
    code += "    if {'sklearn', 'scipy.stats'} & set(sys.modules): sys.exit(module)\n"
    done = subprocess.run([sys.executable, "-c", code, *LEAN], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
