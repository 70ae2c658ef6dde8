"""Shared by all tests."""

import functools
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import omegaconf
import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).parents[1]
_PLACES = [Path(os.environ.get("GD2PO_DATA", ROOT / "dataset")), ROOT / "dataset", ROOT.parent / "shared" / "data"]


os.environ.setdefault("GD2PO_CPU_PRECISION", "float32")  # the same everywhere, and nothing is measured

hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("suite")  # the same examples in every run, however busy the machine is


_LONG_RUNS = {
    "faults": "ends two-node trainings in many ways; only with -m faults",
    "methods": "trains each method and policy loss, 2 of which are trained without it; only with -m methods",
}
"""Marker → what the tests with it do, which take too long for every run of the suite."""


def pytest_configure(config: pytest.Config) -> None:
    """Take Ctrl-C and hang-ups seriously: under nohup or in the background all children would ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for marker, description in _LONG_RUNS.items():
        config.addinivalue_line("markers", f"{marker}: {description}")


_TOGETHER = {
    "tests/hosts/verl/reward_models": "toy world",
    "tests/quickstart/test_toy_safety.py": "toy world",
    "tests/hosts/verl/lifecycle": "Ray",
    "tests/hosts/verl/step": "Ray",
    "tests/hosts/verl/waiting": "Ray",
    "tests/vllm": "vLLM",
}
"""Files and folders that share what is slow to make, or that would take the same memory."""


_LONG = {"tests/hosts/verl/test_logged_run.py", "tests/quickstart/test_quickstart.py"}
"""Files that start a training without the fixture."""


def _group(nodeid: str) -> str:
    """A name that is the same for tests of one file, and of files that belong together."""
    path = nodeid.partition("::")[0]
    return next((group for place, group in _TOGETHER.items() if path.startswith(place)), path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long runs out unless they are asked for; the longest of the others first, with what belongs to them."""
    left_out = {marker for marker in _LONG_RUNS if marker not in config.option.markexpr}
    deselected = [item for item in items if any(item.get_closest_marker(marker) for marker in left_out)]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]
    long = {_group(item.nodeid) for item in items if "training" in getattr(item, "fixturenames", ())} | _LONG
    items.sort(key=lambda item: _group(item.nodeid) not in long)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, a group goes to one worker like a file: pytest 9 hides `loadgroup` marks from xdist."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def configurations_are_parsed_once() -> Iterator[None]:
    """Each file, and each interpolation: most of the time that composing and resolving verl's configuration takes."""
    original, parse_interpolation = OmegaConf.load, functools.cache(omegaconf.base.parse)

    @functools.cache
    def parse(path: str, _changed: int) -> bytes:
        return pickle.dumps(original(path))  # copied by unpickling, 13 times as fast as a deep copy

    def load(file: Any) -> Any:
        path = Path(file if isinstance(file, str | Path) else file.name)
        return pickle.loads(parse(str(path), path.stat().st_mtime_ns))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", load)
        patch.setattr(omegaconf.base, "parse", parse_interpolation)
        yield


@pytest.fixture(scope="session")
def public_file() -> Callable[[str], Path]:
    """Finds a public data file by its name, in $GD2PO_DATA, dataset/ or a shared folder beside the checkout."""

    def find(name: str) -> Path:
        for place in _PLACES:
            for path in sorted(place.rglob(name)) if place.is_dir() else ():
                return path
        pytest.skip(f"{name} is not on this machine; `gd2po data get` brings it")

    return find


@pytest.fixture(scope="session")
def scores_alone() -> Callable[[Path, list[dict[str, Any]]], list[float]]:
    """The scores that transformers gives, with a reward model alone, to the texts of a rollout dump."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    def score(model: Path, rollouts: list[dict[str, Any]]) -> list[float]:
        tokenizer = AutoTokenizer.from_pretrained(model)
        scorer = AutoModelForSequenceClassification.from_pretrained(model, dtype=torch.float32)
        scores = []
        for row in rollouts:
            question = row["input"].removeprefix("user\n").removesuffix("\nassistant\n")
            messages = [{"role": "user", "content": question}, {"role": "assistant", "content": row["output"]}]
            text = tokenizer.apply_chat_template(messages, tokenize=False)
            scores.append(scorer(**tokenizer(text, add_special_tokens=False, return_tensors="pt")).logits.item())
        return scores

    return score


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of `gd2po toy-safety` (policy, prompts and reward models), and the command's screen."""
    folder = tmp_path_factory.mktemp("toy-world") / "toy"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "toy-safety", str(folder), "--seed", "1"]
    return folder, subprocess.run(command, check=True, timeout=900, capture_output=True, text=True).stdout


API_BANK_SYSTEM = """**Available Tools**
In your response, you can use the following tools:
1. Name: Book
Description: Books a room. It's "nice".
Parameters: {'city': {'type': 'str', 'description': "the city's name"}, 'rooms': {'type': 'int', 'description': ''}}
2. Name: Clock
Description: Tells the time.
Parameters: {}

**Steps for Each Turn**
1. **Think:** Recall what is known.
"""


@pytest.fixture(scope="session")
def item() -> dict[str, Any]:
    """An item that wants ``Book(city="Oslo", rooms="2")``; rooms is declared an int."""
    call = {"name": "Book", "parameters": {"city": "Oslo", "rooms": "2"}}
    return {"id": "Level1_0", "system": API_BANK_SYSTEM, "user": "two rooms in Oslo", "answer": [call]}


@pytest.fixture(scope="session")
def reply() -> Callable[..., str]:
    """A well-formed reply with the given lines in its tool block; what is not text is written as JSON."""

    def make(*lines: object, think: str = "word") -> str:
        block = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        return "\n".join([f"<think> {think} </think>", "<tool_call>", *block, "</tool_call>"])

    return make


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """A model of thousands of weights is slower with two threads, and much slower on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def build_model() -> Callable[[int], Any]:
    """A random Qwen2, from a seed, so small that a test can afford to ask transformers for the right answer."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    def build(seed: int) -> Any:
        torch.manual_seed(seed)
        config = Qwen2Config(
            vocab_size=259,  # bytes, and the three special tokens of the tokenizer below
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            initializer_range=0.2,  # a peaked distribution: a wrong place or mask changes the next token
            eos_token_id=256,
            pad_token_id=257,
            bos_token_id=None,
        )
        return Qwen2ForCausalLM(config).eval()

    return build


@pytest.fixture(scope="session")
def byte_tokenizer() -> Any:
    """The tokenizer of that model, with a chat template."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer(
        vocab={symbol: index for index, symbol in enumerate(sorted(ByteLevel.alphabet()))},
        merges=[],
        unk_token=None,
        bos_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    assert len(tokenizer) == 259
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tokenizer
