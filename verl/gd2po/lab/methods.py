"""The methods that the lab compares, by the settings under ``algorithm.gd2po`` that a user writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gd2po.advantages.registry import ESTIMATORS, Estimator, Normaliser, contradiction, normaliser
from gd2po.errors import unknown_name
from gd2po.method_names import method_title
from gd2po.registry import ChosenMethod

PUBLISHED = ("grpo", "gdpo", "gd2po_hard", "gd2po_snr0.2", "gd2po_snr0.5", "gd2po_snr0.8")
"""The methods of the papers, with three thresholds of the SNR filter."""

REFERENCE = "gdpo"
"""The method from which differences are taken."""


@dataclass(frozen=True)
class LabMethod:
    """A method of the lab.

    Attributes:
        name: The name in results and in ``--methods``; that of a preset where there is one.
        settings: The estimator under ``estimator``, and its options as under ``algorithm.gd2po``.
        most_seeds: The number of seeds beyond which the method would take too long; None if it is as fast as others.
    """

    name: str
    settings: Mapping[str, Any]
    most_seeds: int | None = None

    @property
    def title(self) -> str:
        """The name in tables, with options that have their defaults left to the settings."""
        return method_title(self.settings)

    def normaliser(self) -> ChosenMethod[Normaliser]:
        """The normaliser with its options."""
        return normaliser(self.settings.get("normalise", "group_std"))

    def estimator(self) -> ChosenMethod[Estimator]:
        """The estimator with its options."""
        options = {name: value for name, value in self.settings.items() if name not in ("estimator", "normalise")}
        return ESTIMATORS.configure(self.settings["estimator"], options)

    def contradiction(self) -> str | None:
        """Why the method cannot be run here, with a remedy; None where it can."""
        return contradiction(self.normaliser(), self.estimator())


def _methods() -> Iterable[LabMethod]:
    def gdpo(name: str, **options: Any) -> LabMethod:
        return LabMethod(name, {"estimator": "gdpo", **options})

    def gd2po(name: str, kind: str, **options: Any) -> LabMethod:
        others: dict[str, Any] = {key: options.pop(key) for key in ("reweight", "normalise") if key in options}
        return LabMethod(name, {"estimator": "gd2po", "filter": {"kind": kind, **options}, **others})

    yield gdpo("gdpo")
    yield LabMethod("grpo", {"estimator": "grpo"})
    yield gd2po("gd2po_hard", "hard")
    yield gd2po("gd2po_snr0.8", "snr", threshold=0.8)
    yield gd2po("gd2po_snr0.5", "snr", threshold=0.5)
    yield gd2po("gd2po_snr0.2", "snr", threshold=0.2)
    yield gdpo("gdpo_floored", normalise={"kind": "floored"})
    yield gdpo("gdpo_shrunk", normalise={"kind": "shrunk", "share": 0.5})
    yield gdpo("gdpo_pooled", normalise={"kind": "pooled"})
    yield gd2po("gd2po_guard", "guard", min_kept=0.5, confidence=0.95)
    yield gd2po("gd2po_share", "share", masked=0.2)
    yield gd2po("gd2po_soft", "soft", power=0.5)
    yield gd2po("gd2po_hard_unweighted", "hard", reweight="none")
    yield gd2po("gd2po_hard_floored", "hard", normalise={"kind": "floored"})
    yield gd2po("gd2po_snr0.2_floored", "snr", threshold=0.2, normalise={"kind": "floored"})
    yield LabMethod("grpo_group_mean", {"estimator": "grpo", "normalise": {"kind": "group_mean"}})
    yield gdpo("gdpo_group_mean", normalise={"kind": "group_mean"})
    yield gdpo("gdpo_leave_one_out", normalise={"kind": "leave_one_out"})
    yield gdpo("gdpo_batch", normalise={"kind": "batch"})
    yield gdpo("gdpo_softmin", combine={"kind": "softmin", "sharpness": 1.0})
    yield gdpo("gdpo_dvao", combine={"kind": "dvao"}, whiten="none")
    for kind in ("upgrad", "dualproj", "mgda", "aligned_mtl"):  # each weighs one seed at a time, by a solver
        yield LabMethod(f"gdpo_{kind}", {"estimator": "gdpo", "combine": {"kind": kind}}, most_seeds=5)


METHODS = {method.name: method for method in _methods()}
"""Name → method, the most telling first: every registered normaliser, filter, combination and estimator is in one."""

ROUNDS = (
    (*PUBLISHED, "gdpo_floored", "gdpo_shrunk", "gdpo_pooled"),
    ("gd2po_guard", "gd2po_share", "gd2po_soft", "gdpo_softmin"),
)
"""Methods that are run in every world before any other, and those that come next."""


def find_methods(names: Iterable[str]) -> tuple[LabMethod, ...]:
    """The methods of these names; all if there are none.

    Raises:
        SettingsError: a name is not known.
    """
    chosen = tuple(names) or tuple(METHODS)
    for name in chosen:
        if name not in METHODS:
            raise unknown_name("method of the lab", name, METHODS)
    return tuple(METHODS[name] for name in chosen)
