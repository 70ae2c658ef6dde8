"""What a user names as the model: a Hugging Face folder, a name on the hub, or a training checkpoint of verl."""

import shlex
from pathlib import Path

from gd2po.evaluation.generation.contract import GenerationError

_SHARDS = "fsdp_config.json"  # verl writes it beside its sharded weights
_WEIGHTS = ("*.safetensors", "*.bin")


def find_model(model: str) -> str:
    """The folder or hub name to load.

    A checkpoint of verl (``global_step_N``, the ``actor`` in it or the ``huggingface`` in that) stands for its
    ``huggingface`` folder, once that holds weights.

    Raises:
        GenerationError: a folder that does not exist, holds no model, or holds shards that must be merged first.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
            raise GenerationError(f"{model}: there is no such folder")
        return model
    for shards in (folder / "actor", folder, folder.resolve().parent):
        if (shards / _SHARDS).is_file():
            return _merged(shards)
    if not (folder / "config.json").is_file():
        raise GenerationError(f"{model} holds no config.json; expected the folder of a Hugging Face model")
    return str(folder)


def _merged(shards: Path) -> str:
    target = shards / "huggingface"
    if any(path for pattern in _WEIGHTS for path in target.glob(pattern)):
        return str(target)
    command = ["python", "-P", "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    command += ["--local_dir", str(shards), "--target_dir", str(target)]
    raise GenerationError(
        f"{shards} holds the sharded weights of a training run; merge them once with verl's own tool and evaluate "
        f"again:\n  {shlex.join(command)}"
    )
