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
        ({"conflict_filter": "hrad"}, "unknown conflict_filter 'hrad'. Did you mean 'hard'"),
        ({"whiten": "token"}, "unknown whiten 'token'. Did you mean 'tokens'"),
        ({"reweight": "keep_ration"}, "Did you mean 'keep_ratio'"),
        ({"missing": "dorp"}, "Did you mean 'drop'"),
        ({"threshold": 1.1}, "threshold is 1.1: expected 0"),
        ({"threshold": -0.1}, "threshold is -0.1"),
        ({"threshold": math.nan}, "threshold is nan"),
    ],
)
@pytest.mark.parametrize("estimator", ["grpo", "gd2po"])
def test_nonsense_is_refused_even_where_it_has_no_effect(estimator, options, message):
    with pytest.raises(SettingsError, match=message):
        compute_advantages({"a": torch.ones(2)}, "qq", torch.ones(2, 2), **{"estimator": estimator, **options})
