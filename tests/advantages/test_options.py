import math

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.errors import SettingsError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "gd2p0"}, "unknown estimator 'gd2p0'. Did you mean 'gd2po'"),
        ({"estimator": "ppo"}, "unknown estimator 'ppo'.*grpo"),
        ({"conflict_filter": "hrad"}, "unknown conflict filter 'hrad'. Did you mean 'hard'"),
        ({"whiten": "token"}, "whiten: found 'token'; .*'tokens', 'rollouts' or 'none'"),
        ({"reweight": "keep_ration"}, "reweight: found 'keep_ration'; .*'keep_ratio' or 'none'"),
        ({"missing": "dorp"}, "unknown missing 'dorp'. Did you mean 'drop'"),
        ({"conflict_filter": "snr", "threshold": 1.1}, "threshold: found 1.1"),
        ({"conflict_filter": "snr", "threshold": -0.1}, "threshold: found -0.1"),
        ({"conflict_filter": {"kind": "snr", "threshold": math.nan}}, "threshold: found nan"),
        ({"conflict_filter": "hard", "threshold": 0.5}, "'hard' does not read this option .*choose 'snr', which reads"),
        ({"threshold": 0.5}, "'hard' does not read this option"),
        ({"conflict_filter": {"kind": "snr", "tau": 0.5}}, r"filter\.tau: .*it reads threshold"),
        ({"whitn": "none"}, "Did you mean 'whiten'"),
        ({"estimator": "gdpo", "conflict_filter": "none"}, "'gdpo' does not read this option .*'gd2po', which reads"),
        ({"estimator": "gdpo", "reweight": "none"}, "reweight: estimator 'gdpo' does not read this option"),
        ({"estimator": "grpo", "whiten": "none"}, "whiten: estimator 'grpo' does not read this option"),
    ],
)
def test_an_option_that_is_wrong_or_not_read_is_refused(options, message):
    with pytest.raises(SettingsError, match=message):
        compute_advantages({"a": torch.ones(2)}, "qq", torch.ones(2, 2), **options)


def test_a_filter_is_chosen_by_keyword_or_by_mapping(example):
    by_keyword = compute_advantages(*example, conflict_filter="snr", threshold=0.1)
    by_mapping = compute_advantages(*example, conflict_filter={"kind": "snr", "threshold": 0.1})
    assert torch.equal(by_keyword.kept, by_mapping.kept)
    assert not torch.equal(by_keyword.kept, compute_advantages(*example, conflict_filter="snr").kept)
