"""Third parties add methods, with options of their own, without touching a file of ours."""

from dataclasses import dataclass
from typing import Annotated
from unittest import mock

import pytest
import torch
from pydantic import BaseModel, Field

from gd2po.advantages import (
    Batch,
    Estimate,
    Votes,
    compute_advantages,
    estimator_names,
    filter_names,
    register_estimator,
    register_filter,
)
from gd2po.advantages.registry import ESTIMATORS, FILTERS, ConflictFilter, conflict_filter
from gd2po.errors import SettingsError
from gd2po.registry import import_modules


@pytest.fixture(autouse=True)
def registries():
    with mock.patch.dict(ESTIMATORS._methods), mock.patch.dict(FILTERS._methods):
        yield


@dataclass(frozen=True)
class MajorityOptions:
    share: Annotated[float, Field(gt=0, le=1)] = 0.5


def majority(votes: Votes, options: MajorityOptions) -> torch.Tensor:
    return (votes.weighted > 0).double().mean(0) >= options.share


def test_the_methods_of_the_papers_are_there():
    assert set(estimator_names()) >= {"gd2po", "gdpo", "grpo"}
    assert set(filter_names()) >= {"hard", "none", "snr"}


def test_a_registered_estimator_runs(example):
    @register_estimator("votes")
    def votes(batch: Batch) -> Estimate:
        return Estimate(batch.votes.total, batch.present, batch.present.double())

    out = compute_advantages(*example, estimator="votes")
    plain = compute_advantages(*example, estimator="gdpo", whiten="none")
    assert torch.equal(out.advantages, plain.advantages)
    assert out.metrics.keys() == plain.metrics.keys()


def test_an_estimator_may_have_options_and_a_filter_of_its_own_default(example):
    class HalfOptions(BaseModel, frozen=True):
        factor: float = 0.5
        filter: ConflictFilter = conflict_filter("none")

    @register_estimator("half", HalfOptions)
    def half(batch: Batch, options: HalfOptions) -> Estimate:
        kept = options.filter(batch.votes)
        return Estimate(options.factor * batch.votes.total * kept, kept, batch.present.double())

    votes = compute_advantages(*example, estimator="gdpo", whiten="none").advantages
    torch.testing.assert_close(compute_advantages(*example, estimator="half").advantages, votes / 2)
    filtered = compute_advantages(*example, estimator="half", conflict_filter="hard", factor=2)
    torch.testing.assert_close(filtered.advantages, 2 * votes * ~filtered.conflict[:, None])
    with pytest.raises(SettingsError, match="factor: found 'much'"):
        compute_advantages(*example, estimator="half", factor="much")


def test_a_registered_filter_runs_with_its_own_option(example):
    register_filter("majority", MajorityOptions)(majority)
    out = compute_advantages(*example, conflict_filter={"kind": "majority", "share": 1.0})
    both_up = [min(pair) > 0 for pair in zip(*(row.tolist() for row in out.per_reward.values()), strict=True)]
    assert out.kept.tolist() == both_up
    with pytest.raises(SettingsError, match=r"filter\.share: found 2; input should be less than or equal to 1"):
        compute_advantages(*example, conflict_filter={"kind": "majority", "share": 2})


@pytest.mark.parametrize("returned", [torch.ones(12), torch.ones(3, dtype=torch.bool), None])
def test_a_filter_that_returns_no_flags_is_refused(example, returned):
    register_filter("broken")(lambda votes: returned)
    with pytest.raises(ValueError, match=r"conflict filter 'broken' returned .*: expected torch.bool \[12\]"):
        compute_advantages(*example, conflict_filter="broken")


def test_a_name_is_given_once():
    with pytest.raises(
        ValueError, match=r"estimator 'gdpo' is already registered, by gd2po.advantages.estimators.gdpo"
    ):
        register_estimator("gdpo")(ESTIMATORS.find("grpo").function)
    with pytest.raises(ValueError, match="conflict filter 'hard' is already registered"):
        register_filter("hard")(FILTERS.find("none").function)


def test_a_function_that_is_defined_again_takes_the_place_of_its_former_self():
    for schema in (None, MajorityOptions):
        register_filter("majority", schema)(majority)
    assert FILTERS.find("majority").option_names == ("share",)


def test_an_option_needs_a_default_and_a_schema():
    @dataclass(frozen=True)
    class Bare:
        share: float

    with pytest.raises(SettingsError, match=r"conflict filter 'bare' cannot .*give each option of Bare a default"):
        register_filter("bare", Bare)(majority)
    with pytest.raises(SettingsError, match="expected a frozen dataclass or a pydantic model"):
        register_filter("bare", int)(majority)


def test_a_new_file_in_a_package_is_found(tmp_path, monkeypatch):
    package = tmp_path / "toy_filters"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "toy.py").write_text(
        "from gd2po.advantages import register_filter\n"
        "@register_filter('toy')\n"
        "def toy(votes):\n"
        "    return votes.conflict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import_modules("toy_filters", [str(package)])
    assert "toy" in filter_names()
