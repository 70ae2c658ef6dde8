"""bfloat16 where it is faster on this machine and the model is large enough, float32 otherwise."""

import dataclasses

import pytest

from gd2po import cpu_precision as precision
from gd2po.cpu_precision import MIN_WEIGHTS, VARIABLE, Measurement, choose_precision, measure, measurement
from gd2po.errors import SettingsError

FAST = Measurement("here", product=8.0, training=2.4, gflops=900.0)
SLOW = dataclasses.replace(FAST, product=0.4, training=0.5)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    """A machine that was never measured; returns how to say what a measurement gives."""
    monkeypatch.setenv("GD2PO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(precision, "_machine", lambda threads: "here")
    calls = []

    def gives(measured):
        monkeypatch.setattr(precision, "measure", lambda: calls.append(1) or measured)
        return calls

    return gives


@pytest.mark.parametrize(("measured", "expected"), [(FAST, "bfloat16"), (SLOW, "float32")])
def test_the_faster_precision_is_chosen_for_a_large_model(machine, measured, expected):
    machine(measured)
    choice = choose_precision(MIN_WEIGHTS)
    assert choice.precision == expected and f"{measured.training:.1f} times" in choice.why


def test_a_small_model_stays_in_float32_and_nothing_is_measured(machine):
    calls = machine(FAST)
    choice = choose_precision(400_000)
    assert choice.precision == "float32" and "0.4 M weights" in choice.why and not calls


def test_a_machine_is_measured_once(machine, tmp_path, monkeypatch):
    calls = machine(FAST)
    assert measurement() == measurement() == FAST and len(calls) == 1
    (tmp_path / "cache" / "cpu_precision.json").write_text("{}")  # of another version
    assert measurement() == FAST and len(calls) == 2
    monkeypatch.setattr(precision, "_machine", lambda threads: "there")
    measurement()
    assert len(calls) == 3


def test_a_cache_that_cannot_be_written_is_no_error(machine, tmp_path):
    machine(FAST)
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert measurement() == FAST


@pytest.mark.parametrize("value", ["float32", "bfloat16"])
def test_the_environment_decides_without_a_measurement(machine, monkeypatch, value):
    calls = machine(FAST)
    monkeypatch.setenv(VARIABLE, value)
    assert choose_precision(MIN_WEIGHTS).precision == choose_precision(1).precision == value and not calls


def test_another_value_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv(VARIABLE, "fp8")
    with pytest.raises(SettingsError, match="GD2PO_CPU_PRECISION is 'fp8'; expected auto, float32 or bfloat16"):
        choose_precision(1)


def test_a_measurement_gives_numbers(monkeypatch):
    monkeypatch.setattr(precision, "_ROWS", 8)
    measured = measure()
    assert min(measured.product, measured.training, measured.gflops) > 0
