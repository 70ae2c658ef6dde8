"""Loaded by verl as an external module, before any plug-in: writes down each call of verl's own functions.

The functions are those that the plug-in wraps where it is loaded, so that its wrappers stand around these. The order of
rollouts in a batch, which depends on which of them is ready first, is made the same in every run.
"""

import functools
import gc
import importlib
import inspect
import itertools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import wrapt

from gd2po.hosts.verl.door.manifest import WRAPPED

FOLDER = Path(os.environ["RECORDING_FOLDER"])
VARIABLES = ("GD2PO_GUARDS", "SAGEMAKER_CONTAINER_LOG_LEVEL")


def write(symbol, arguments, options):
    owner = arguments[0] if arguments else None
    call = {
        "symbol": symbol,
        "arguments": len(arguments),
        "options": sorted(options),
        "pause": getattr(owner, "poll_interval", None),
        "frozen": gc.get_freeze_count() > 0,
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "attributes": sorted(name for name in getattr(owner, "__dict__", ()) if "gd2po" in name),
    }
    with (FOLDER / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(call) + "\n")


def recorded(symbol, original):
    def call(*args, **kwargs):
        write(symbol, args, kwargs)
        return original(*args, **kwargs)

    async def call_async(*args, **kwargs):
        write(symbol, args, kwargs)
        return await original(*args, **kwargs)

    return functools.wraps(original)(call_async if inspect.iscoroutinefunction(original) else call)


def record(symbol, module):
    *path, name = symbol.partition(":")[2].split(".")
    owner = functools.reduce(getattr, path, module)
    original = inspect.getattr_static(owner, name)
    if isinstance(original, property):
        setattr(owner, name, property(recorded(symbol, original.fget)))
    else:
        setattr(owner, name, recorded(symbol, original))


def order(module):
    """Rollouts in the order of their prompts and texts, which are the same in every run."""
    original, numbers = module.ReplayBuffer._materialize_batch, itertools.count()

    def materialize(self, *args, **kwargs):
        batch = original(self, *args, **kwargs)
        known = module.tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["responses"])
        texts = [row.tolist() for row in known["responses"].unbind()]
        prompts = [key.split("_")[0] for key in batch.keys]
        batch.reorder(sorted(range(len(batch)), key=lambda row: (prompts[row], texts[row])))
        return batch

    module.ReplayBuffer._materialize_batch = materialize
    trainer = importlib.import_module("verl.trainer.ppo.v1.trainer_base")
    trainer.uuid = SimpleNamespace(uuid4=lambda: f"uid{next(numbers):06}")


def order_v0(module):
    """The same in the V0 trainer, whose rollouts come in the order of their prompts."""
    original, numbers = module.RayPPOTrainer._balance_batch, itertools.count()

    def balance(self, batch, *args, **kwargs):
        names, texts = batch.non_tensor_batch["uid"], batch.batch["responses"].tolist()
        rows = sorted(range(len(batch)), key=lambda row: (names[row], texts[row]))
        batch.reorder(module.torch.tensor(rows))
        return original(self, batch, *args, **kwargs)

    module.RayPPOTrainer._balance_batch = balance
    module.uuid = SimpleNamespace(uuid4=lambda: f"uid{next(numbers):06}")


for symbol in dict.fromkeys(row.symbol for row in WRAPPED if row.place == "everywhere"):
    wrapt.register_post_import_hook(functools.partial(record, symbol), symbol.partition(":")[0])
wrapt.register_post_import_hook(
    lambda _: order(importlib.import_module("verl.trainer.ppo.v1.replay_buffer")), "verl.trainer.ppo.v1.trainer_base"
)
wrapt.register_post_import_hook(order_v0, "verl.trainer.ppo.ray_trainer")
