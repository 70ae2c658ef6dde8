"""A plan in a terminal of 80 columns or more."""

from collections.abc import Iterator

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from gd2po.hosts.verl.preflight.gpus import GIB
from gd2po.hosts.verl.preflight.plan.layout import GpuLayout, RewardPlacement
from gd2po.hosts.verl.preflight.plan.making import RunPlan
from gd2po.hosts.verl.preflight.plan.memory import GpuMemory
from gd2po.hosts.verl.preflight.plan.schedule import RunSchedule

_UNKNOWN = "unknown"


def show(plan: RunPlan, console: Console) -> None:
    """Print the plan, with remarks and refusals at the end, where they are read first."""
    console.print(Text(plan.name, "bold", overflow="fold"))
    console.print(Text(f"{_device(plan)}; nothing was started", "dim"))
    _section(console, "Placement", _rows(_placement(plan.layout)))
    console.print(_picture(plan.layout))
    _section(console, "Batches", _rows(_batches(plan.schedule)))
    if plan.weights:
        _section(console, "Weights", _rows(list(plan.weights.items())))
    _section(console, "Checkpoints", _rows(_checkpoints(plan)))
    if plan.memory is not None:
        _section(console, "Memory of a GPU, an estimate, in GiB", _memory_table(plan.memory))
        console.print(_rows(_beside(plan, plan.memory)))
    if plan.cpu_bytes is not None:
        _section(console, "Memory", _rows([("machine", f"at least {_gib(plan.cpu_bytes)} GiB")]))
    for mark, style, sentences in (("note", "yellow", plan.remarks), ("refused", "bold red", plan.refusals)):
        _sentences(console, Text(mark, style), sentences)


def _device(plan: RunPlan) -> str:
    if plan.device == "cpu":
        return "on CPU; each process counts as a GPU"
    return "on GPUs" if plan.memory is None else f"on GPUs of {plan.memory.gpu / GIB:.0f} GiB"


def _section(console: Console, title: str, body: Table) -> None:
    console.print()
    console.print(Text(title, "bold"))
    console.print(body)


def _sentences(console: Console, mark: Text, sentences: tuple[str, ...]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row(mark, Text(sentence))
    if sentences:
        console.print()
        console.print(table)


def _rows(rows: "Iterator[tuple[str, str]] | list[tuple[str, str]]") -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=11)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(f"  {name}", text)
    return table


def _placement(layout: GpuLayout) -> Iterator[tuple[str, str]]:
    parallel = _times(layout.data_parallel, "data-parallel worker")
    split = {"tensor": layout.tensor, "pipeline": layout.pipeline, "sequence": layout.sequence}
    more = "".join(f", {name} parallel {size}" for name, size in split.items() if size > 1)
    shards = f", {_times(layout.shards, 'shard')}" if layout.strategy != "megatron" else ""
    where = f"{_times(layout.nodes, 'node')} of {_times(layout.gpus_per_node, 'GPU')}"
    yield "trainer", f"{where}, {layout.strategy}: {parallel}{shards}{more}"
    yield (
        "rollouts",
        f"{layout.engine}: {_times(layout.replicas, 'replica')} of {layout.replica}, {_generating(layout)}",
    )
    for model in layout.rewards:
        yield model.name, _reward_model(model)
    if layout.all_gpus > layout.world:
        yield "together", f"{layout.all_gpus} GPUs"


def _generating(layout: GpuLayout) -> str:
    """The GPUs of the rollout replicas in words."""
    places = [f"on {layout.shared} of the trainer's"] * bool(layout.shared)
    return " and ".join(places + [f"on {layout.stand_alone} of their own"] * bool(layout.stand_alone))


def _reward_model(model: RewardPlacement) -> str:
    if model.placement == "server":
        return f"{model.path}, at a running server"
    where = "beside the trainer, asleep unless it scores" if model.placement == "colocated" else "on GPUs of its own"
    copies = f"{_times(model.replicas, 'replica')} of {model.tensor_parallel}"
    return f"{model.path}, {model.engine}: {copies}, {model.gpu_memory:g} of a GPU's memory, {where}"


def _picture(layout: GpuLayout) -> Table:
    """The GPUs of a node as columns; a number names the worker or replica that a GPU belongs to."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", min_width=13)
    gpus = range(layout.gpus_per_node)
    table.add_row("  node 1, GPU", *(str(gpu) for gpu in gpus), style="dim")
    table.add_row("  worker", *(str(_worker(layout, gpu)) for gpu in gpus))
    if layout.shared:
        table.add_row("  replica", *(str(gpu // layout.replica) for gpu in gpus))
    for model in layout.rewards:
        if model.placement == "colocated":
            table.add_row(f"  {model.name}", *(str(gpu // model.tensor_parallel) for gpu in gpus))
    if layout.nodes > 1:
        table.add_row(f"  … and {layout.nodes - 1} more", style="dim")
    return table


def _worker(layout: GpuLayout, gpu: int) -> int:
    """The data-parallel worker of a GPU: neighbours share tensors and sequences, pipeline stages lie apart."""
    return gpu // (layout.tensor * layout.sequence) % max(1, layout.data_parallel)


def _batches(schedule: RunSchedule) -> Iterator[tuple[str, str]]:
    each = schedule.rollouts // schedule.prompts
    prompts, rows = f"{schedule.prompts:,} prompts × {each} rollouts", schedule.mini_batch * each
    yield "step", f"{prompts} = {schedule.rollouts:,}, at most {schedule.tokens:,} tokens"
    yield "updates", f"{schedule.updates} in a step, of {schedule.mini_batch:,} prompts ({rows:,} rollouts)"
    if schedule.rows is None:
        yield "epoch", f"{_UNKNOWN}: the data are not here"
    else:
        rest = f", {schedule.left_out:,} left out" if schedule.left_out else ""
        yield "epoch", f"{schedule.steps_per_epoch:,} steps of at most {schedule.rows:,} prompts{rest}"
    if schedule.steps is None:
        yield "run", _UNKNOWN
    else:
        yield "run", f"{schedule.steps:,} steps, {_times(schedule.validations or 0, 'validation')}"


def _checkpoints(plan: RunPlan) -> Iterator[tuple[str, str]]:
    schedule = plan.schedule
    if schedule.checkpoints == 0:
        yield "written", "none"
        return
    size = _UNKNOWN if plan.checkpoint is None else decimal(plan.checkpoint)
    written = _UNKNOWN if schedule.checkpoints is None else f"{schedule.checkpoints}, {schedule.kept} kept"
    yield "written", f"{written}; {size} each"
    if plan.checkpoint_room is not None:
        yield "room", f"{decimal(plan.checkpoint_room)} for {plan.peak_checkpoints} at once"
    yield "folder", plan.folder


def _memory_table(memory: GpuMemory) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=11)
    for _ in memory.phases:
        table.add_column(justify="right")
    table.add_column(style="dim", overflow="fold")
    table.add_row("", *(phase.name for phase in memory.phases), "", style="dim")
    parts = {part.name: part.how for phase in memory.phases for part in phase.parts}
    for name, how in parts.items():
        table.add_row(f"  {name}", *_column(memory, name), how)
    totals = [Text(_gib(phase.bytes), "red" if phase.bytes > memory.gpu else "bold") for phase in memory.phases]
    table.add_row("  in all", *totals, f"of {_gib(memory.gpu)}")
    return table


def _column(memory: GpuMemory, name: str) -> Iterator[str]:
    for phase in memory.phases:
        yield next((_gib(part.bytes) for part in phase.parts if part.name == name), "")


def _beside(plan: RunPlan, memory: GpuMemory) -> Iterator[tuple[str, str]]:
    cache = memory.cache
    room = f"{cache.tokens:,} tokens, {cache.rows:,} rows of full length at once"
    yield "KV cache", f"{_gib(cache.bytes)} GiB a GPU; a replica holds {room}"
    if memory.host:
        yield "host", f"{_gib(memory.host)} GiB on each node for what is offloaded"
    yield "", "arithmetic, not yet compared with a GPU; assumptions: docs/plan.md"


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _gib(count: int) -> str:
    return f"{count / GIB:.1f}"
