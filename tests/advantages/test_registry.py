"""Third parties add methods without touching a file of ours."""

from unittest import mock

import pytest
import torch

from gd2po.advantages import (
    Batch,
    Estimate,
    Options,
    Votes,
    compute_advantages,
    estimator_names,
    filter_names,
    register_estimator,
    register_filter,
)
from gd2po.advantages.registry import ESTIMATORS, FILTERS, import_modules


@pytest.fixture(autouse=True)
def registries():
    with mock.patch.dict(ESTIMATORS), mock.patch.dict(FILTERS):
        yield


def test_the_methods_of_the_papers_are_there():
    assert set(estimator_names()) >= {"gd2po", "gdpo", "grpo"}
    assert set(filter_names()) >= {"hard", "none", "snr"}


def test_a_registered_estimator_runs(example):
    @register_estimator("votes")
    def votes(batch: Batch, options: Options) -> Estimate:
        return Estimate(batch.votes.total, batch.present, batch.present.double())

    out = compute_advantages(*example, estimator="votes")
    plain = compute_advantages(*example, estimator="gdpo", whiten="none")
    assert torch.equal(out.advantages, plain.advantages)
    assert out.metrics.keys() == plain.metrics.keys()


def test_a_registered_filter_runs(example):
    @register_filter("majority")
    def majority(votes: Votes, threshold: float) -> torch.Tensor:
        return (votes.weighted > 0).double().mean(0) >= threshold

    out = compute_advantages(*example, conflict_filter="majority", threshold=1.0)
    both_up = [min(pair) > 0 for pair in zip(*(row.tolist() for row in out.per_reward.values()), strict=True)]
    assert out.kept.tolist() == both_up


def test_a_name_is_given_once():
    with pytest.raises(
        ValueError, match=r"estimator 'gdpo' is already registered, by gd2po.advantages.estimators.gdpo"
    ):
        register_estimator("gdpo")(ESTIMATORS["grpo"])
    with pytest.raises(ValueError, match="conflict filter 'hard' is already registered"):
        register_filter("hard")(FILTERS["none"])


def test_a_new_file_in_a_package_is_found(tmp_path, monkeypatch):
    package = tmp_path / "toy_filters"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "toy.py").write_text(
        "from gd2po.advantages import register_filter\n"
        "@register_filter('toy')\n"
        "def toy(votes, threshold):\n"
        "    return votes.conflict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import_modules("toy_filters", [str(package)])
    assert "toy" in filter_names()
