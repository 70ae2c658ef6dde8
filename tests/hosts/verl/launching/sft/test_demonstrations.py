"""Demonstrations are measured as verl will tokenise them, and nothing is cut or changed in silence."""

import shutil

import pyarrow.parquet as pq
import pytest
import verl  # noqa: F401  loads the plug-in

from gd2po.hosts.verl.launching.sft.configuration import compose_config
from gd2po.hosts.verl.launching.sft.demonstrations import DemonstrationError, read_demonstrations
from gd2po.quickstart.tokenizer import CHAT_TEMPLATE


@pytest.fixture
def read(untrained, sft_rows):
    """Read demonstrations for a model with overrides."""

    def run(*overrides: str, model=untrained, rows=sft_rows, drop_long: bool = False):
        config = compose_config("tool-calling", str(model), [f"data.train_files={rows}", *overrides])
        return read_demonstrations(config, drop_long=drop_long)

    return run


@pytest.fixture
def model_with_template(untrained, tmp_path):
    def make(template: str):
        folder = shutil.copytree(untrained, tmp_path / "other")
        (folder / "chat_template.jinja").write_text(template)
        return folder

    return make


def test_tokens_and_answers_are_those_of_the_tokenizer(read, records, untrained):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(untrained)

    def tokens(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    demonstrations = read()
    assert (demonstrations.rows, demonstrations.left_out, demonstrations.limit) == (64, (), 256)
    assert demonstrations.answer_tokens == sum(tokens(record["output"] + "<|im_end|>\n") for record in records)
    prompt = "<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{input}<|im_end|>\n<|im_start|>assistant\n"
    assert demonstrations.tokens == demonstrations.answer_tokens + sum(
        tokens(prompt.format(**record)) for record in records
    )
    assert demonstrations.longest <= 256


def test_long_ones_are_refused_with_their_number_or_left_out_by_name(read, records):
    longest = read().longest
    with pytest.raises(
        DemonstrationError, match=rf"64 demonstrations are longer than 110 tokens, the longest has {longest}"
    ):
        read("data.max_length=110")
    demonstrations = read("data.max_length=110", drop_long=True)
    assert (
        demonstrations.rows + len(demonstrations.left_out) == 64
        and 0 < demonstrations.rows < 64
        and demonstrations.longest <= 110
    )
    assert [messages[-1]["content"] for messages in demonstrations.table["messages"]] == [
        record["output"] for row, record in enumerate(records) if row not in demonstrations.left_out
    ]


def test_the_context_of_the_model_is_a_limit_too(read, records, untrained, write_messages, tmp_path):
    rows = write_messages(tmp_path / "long.parquet", [records[0] | {"input": "word " * 300}])
    with pytest.raises(DemonstrationError, match=r"longer than 256 tokens.*choose a model with a context of at least"):
        read(rows=rows)


def test_a_missing_file_comes_with_the_commands_that_make_it(read, tmp_path):
    with pytest.raises(FileNotFoundError, match="`gd2po data get rlla_4k/sft` and `gd2po data prepare rlla_4k/sft`"):
        read(rows=tmp_path / "absent.parquet")


def test_another_layout_is_named(read, records, write_messages, tmp_path):
    rows = write_messages(tmp_path / "other.parquet", records, key="prompt")
    with pytest.raises(DemonstrationError, match=r"has no column 'messages' \(found: prompt\)"):
        read(rows=rows)


def test_a_dialogue_without_an_answer_is_named(read, records, write_messages, tmp_path):
    rows = write_messages(tmp_path / "open.parquet", [records[0], records[1] | {"output": " "}])
    with pytest.raises(DemonstrationError, match="demonstration 1 does not end with an answer"):
        read(rows=rows)


def test_a_template_that_rewrites_answers_is_refused(read, model_with_template):
    """As those of thinking models do, which move or drop the think part."""
    thinking = CHAT_TEMPLATE.replace("{{ message['content'] }}", "{{ message['content'].split('</think>')[-1] }}")
    with pytest.raises(DemonstrationError, match="changes the answer of demonstration 0"):
        read(model=model_with_template(thinking))


def test_a_model_without_a_template_is_refused(read, model_with_template):
    with pytest.raises(DemonstrationError, match="has no chat template; use the instruction-tuned model"):
        read(model=model_with_template(""))


def test_a_model_that_cannot_be_loaded_is_named_with_the_reason(read, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DemonstrationError, match=r"organisation/absent cannot be loaded: .*couldn't connect"):
        read(model="organisation/absent")


def test_real_demonstrations_fit_the_tokenizer_and_the_template(read, public_file, write_messages, tmp_path):
    from gd2po.data.tool_calling import read_dialogues
    from gd2po.quickstart.policy import PolicySize, make_policy

    records = read_dialogues(public_file("rlla_sft.json"))[:40]
    make_policy(records, tmp_path / "model", PolicySize(4096, 32, 1, 4096), 1)
    demonstrations = read(model=tmp_path / "model", rows=write_messages(tmp_path / "real.parquet", records))
    assert demonstrations.rows == 40 and demonstrations.left_out == ()
    assert pq.read_metadata(tmp_path / "real.parquet").num_rows == 40
