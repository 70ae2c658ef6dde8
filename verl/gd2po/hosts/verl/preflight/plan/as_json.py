"""A plan as JSON, for scripts."""

import json
from dataclasses import asdict

from gd2po.hosts.verl.preflight.plan.making import Plan


def to_json(plan: Plan) -> str:
    """Every number of the plan. Sizes are bytes, memory is that of one GPU."""
    found = asdict(plan)
    layout, memory = plan.layout, plan.memory
    found["layout"] |= {name: getattr(layout, name) for name in ("world", "data_parallel", "replicas", "all_gpus")}
    found["checkpoint_room"] = plan.checkpoint_room
    if memory is not None:
        found["memory"]["peak"] = memory.peak
        for phase, written in zip(memory.phases, found["memory"]["phases"], strict=True):
            written["bytes"] = phase.bytes
    return json.dumps(found, indent=2, ensure_ascii=False)
