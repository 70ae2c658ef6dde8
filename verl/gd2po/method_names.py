"""What methods are called in tables and charts, from the plain settings of a run. Needs no torch."""

from collections.abc import Mapping
from typing import Any

_ESTIMATORS = {"grpo": "GRPO", "gdpo": "GDPO", "gd2po": "GD²PO"}
_FILTERS = {"hard": "Hard", "snr": "SNR"}
_SYMBOLS = {("snr", "threshold"): "τ"}


def estimator_title(estimator: str) -> str:
    """The name of the paper's method, such as ``GD²PO``; an estimator of somebody else has the name that it has."""
    return _ESTIMATORS.get(estimator, estimator)


def filter_title(kind: str, options: Mapping[str, Any]) -> str:
    """The filter and its options, such as ``SNR τ=0.8`` or ``share masked=0.2``."""
    shown = (f"{_SYMBOLS.get((kind, name), name)}={_shown(value)}" for name, value in options.items())
    return " ".join((_FILTERS.get(kind, kind), *shown))


def method_title(settings: Mapping[str, Any]) -> str:
    """The method of a run, such as ``GD²PO-SNR τ=0.8`` or ``GDPO, shrunk share=0.5, softmin sharpness=1``.

    Args:
        settings: the resolved settings, as they are saved with the run.
    """
    title = estimator_title(settings["estimator"])
    others = ["group_mean"] if settings.get("norm_by_std") is False else []
    others += [_shown_choice(settings[part]) for part in ("normalise", "combine") if part in settings]
    return ", ".join((f"{title}{_filter_suffix(settings)}", *others))


def _filter_suffix(settings: Mapping[str, Any]) -> str:
    if "filter" not in settings:
        return ""
    kind = settings["filter"]["kind"]
    unread = {"kind"} | ({"threshold"} if kind in ("none", "hard") else set())  # earlier releases saved it all the same
    options = {name: value for name, value in settings["filter"].items() if name not in unread}
    return f"-{filter_title(kind, options)}"


def _shown_choice(choice: Mapping[str, Any]) -> str:
    """A normaliser or a combination and its options, such as ``shrunk share=0.5``."""
    return filter_title(choice["kind"], {name: value for name, value in choice.items() if name != "kind"})


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
