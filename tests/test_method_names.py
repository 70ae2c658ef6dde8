import pytest

from gd2po.method_names import method_title


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"estimator": "grpo", "norm_by_std": True}, "GRPO"),
        ({"estimator": "gd2po", "filter": {"kind": "snr", "threshold": 0.8}}, "GD²PO-SNR τ=0.8"),
        ({"estimator": "gd2po", "filter": {"kind": "hard", "threshold": 0.8}}, "GD²PO-Hard"),
        ({"estimator": "grpo", "norm_by_std": False}, "GRPO, group_mean"),
        ({"estimator": "gdpo", "normalise": {"kind": "floored"}}, "GDPO, floored"),
        (
            {
                "estimator": "gd2po",
                "filter": {"kind": "share", "masked": 0.2},
                "normalise": {"kind": "shrunk", "share": 0.5},
                "combine": {"kind": "softmin", "sharpness": 1.0},
            },
            "GD²PO-share masked=0.2, shrunk share=0.5, softmin sharpness=1",
        ),
    ],
)
def test_a_title_names_what_differs_from_the_published_method(settings, title):
    assert method_title(settings) == title
