"""Run in a process of its own by test_scipy_consumers: SciPy and scikit-learn on dlengine's tensors, as JSON on stdout.

SciPy reads SCIPY_ARRAY_API when it is imported, so the process must be fresh. Prints {check: "" or what is wrong}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import dlengine as dl
from dlengine import errors

RNG = np.random.default_rng(0)
LINE, TABLE = RNG.uniform(0.3, 3.0, 7), RNG.uniform(0.3, 2.5, (4, 5))

Function = Callable[..., Any]


def differentiable() -> dict[str, tuple[Function, Any]]:
    """SciPy's functions that work on any namespace, and where to try them."""
    from scipy import special, stats

    return {
        "special.logsumexp": (special.logsumexp, LINE),
        "special.softmax": (special.softmax, LINE),
        "special.log_softmax": (special.log_softmax, LINE),
        "special.xlogy": (lambda x: special.xlogy(x, x + 1), LINE),
        "special.rel_entr": (lambda x: special.rel_entr(x, x * x + 1), LINE),
        "stats.zscore": (stats.zscore, TABLE),
        "stats.skew": (stats.skew, TABLE),
        "stats.kurtosis": (stats.kurtosis, TABLE),
        "stats.moment": (lambda x: stats.moment(x, order=3), TABLE),
        "stats.gmean": (stats.gmean, TABLE),
        "stats.hmean": (stats.hmean, TABLE),
        "stats.pmean": (lambda x: stats.pmean(x, 2), TABLE),
        "stats.variation": (stats.variation, TABLE),
        "stats.tmean": (stats.tmean, LINE),
        "stats.tvar": (stats.tvar, LINE),
        "stats.tstd": (stats.tstd, LINE),
        "stats.sem": (stats.sem, TABLE),
        "stats.kstat": (lambda x: stats.kstat(x, 3), LINE),
        "stats.circmean": (stats.circmean, LINE),
        "stats.circvar": (stats.circvar, LINE),
        "stats.circstd": (stats.circstd, LINE),
        "stats.trim_mean": (lambda x: stats.trim_mean(x, 0.2), LINE),
        "stats.quantile": (lambda x: stats.quantile(x, 0.3), LINE),
        "stats.iqr": (stats.iqr, LINE),
        "stats.gstd": (stats.gstd, LINE),
        "stats.boxcox_llf": (lambda x: stats.boxcox_llf(0.7, x), LINE),
    }


def values_only() -> dict[str, Function]:
    """SciPy's functions that go through np.asarray: right values, and an error rather than a lost gradient."""
    from scipy import special, stats

    return {
        "special.expit": special.expit,
        "special.gamma": special.gamma,
        "special.erf": special.erf,
        "stats.ttest_ind": lambda x: stats.ttest_ind(x, x * 2 + 1).statistic,
        "stats.pearsonr": lambda x: stats.pearsonr(x, x * x).statistic,
        "stats.linregress": lambda x: stats.linregress(x, x * x).slope,
    }


def check_gradient(f: Function, x: Any) -> str:
    """Value equal to NumPy's, and the gradient along a random direction equal to central differences."""
    wanted = f(x)
    leaf = dl.asarray(x).requires_grad_()
    y = f(leaf)
    if not isinstance(y, dl.Tensor):
        return f"returned {type(y).__name__}"
    if y.dtype != wanted.dtype or not np.allclose(y.detach().numpy(), wanted, rtol=1e-10):
        return f"value {y}, expected {wanted}"
    u, v, h = RNG.standard_normal(np.shape(wanted)), RNG.standard_normal(x.shape), 1e-5
    y.backward(dl.asarray(u))
    numeric = np.sum(u * (f(x + h * v) - f(x - h * v))) / (2 * h)
    exact = np.sum(leaf.grad.numpy() * v)
    return "" if np.isclose(exact, numeric, rtol=1e-5, atol=1e-7) else f"gradient {exact}, central differences {numeric}"


def check_values(f: Function, x: Any) -> str:
    """Value equal to NumPy's; GradientError for a tensor that requires a gradient."""
    if not np.allclose(np.asarray(f(dl.asarray(x))), f(x)):
        return "wrong value"
    try:
        f(dl.asarray(x).requires_grad_())
    except errors.GradientError:
        return ""
    return "a gradient was lost in silence"


def scipy() -> dict[str, str]:
    """Every SciPy check by name."""
    checks = {name: guarded(check_gradient, f, x) for name, (f, x) in differentiable().items()}
    return checks | {name: guarded(check_values, f, LINE) for name, f in values_only().items()}


def guarded(check: Callable[..., str], *args: Any) -> str:
    """A check's answer, an exception being one, too."""
    try:
        return check(*args)
    except Exception as error:  # reported to the test, which fails
        return f"{type(error).__name__}: {error}"


def estimators(x: Any, y: Any, labels: Any, guesses: Any) -> dict[str, Any]:
    """What scikit-learn makes of data in either kind of array."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import Ridge
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, r2_score
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    pca = PCA(n_components=3, svd_solver="full").fit(x)
    ridge = Ridge(alpha=0.5, solver="svd").fit(x, y)
    train, test, *_ = train_test_split(x, y, test_size=0.3, random_state=0)
    return {
        "StandardScaler": scaler.transform(x),
        "StandardScaler.inverse": scaler.inverse_transform(scaler.transform(x)),
        "PCA": pca.transform(x),
        "PCA.variance": pca.explained_variance_,
        "Ridge": ridge.predict(x),
        "Ridge.score": ridge.score(x, y),
        "train_test_split.train": train,
        "train_test_split.test": test,
        "accuracy_score": accuracy_score(labels, guesses),
        "f1_score": f1_score(labels, guesses, average="macro"),
        "r2_score": r2_score(y, y * 2),
        "confusion_matrix": confusion_matrix(labels, guesses),
    }


def sklearn() -> dict[str, str]:
    """Every scikit-learn check by name."""
    from sklearn import config_context

    x = RNG.standard_normal((30, 5)).astype("float32")
    data = x, x @ np.arange(5, dtype="float32"), RNG.integers(0, 3, 30), RNG.integers(0, 3, 30)
    wanted = estimators(*data)
    with config_context(array_api_dispatch=True):
        found = estimators(*(dl.asarray(a) for a in data))
    checks = {}
    for name, w in wanted.items():
        kind = dl.Tensor if isinstance(w, np.ndarray) else float
        close = isinstance(found[name], kind) and np.allclose(np.asarray(found[name]), w, rtol=1e-4, atol=1e-4)
        checks[name] = "" if close else f"{found[name]}, expected {w}"
    return checks


if __name__ == "__main__":
    print(json.dumps({"scipy": scipy, "sklearn": sklearn}[sys.argv[1]]()))
