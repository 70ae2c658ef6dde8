"""scripts/cluster.sh as a user runs it: what it refuses, and a training over two nodes whose display is lost."""

import json
import os
import signal
import socket

import pytest
import torch

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TRAINING = ("tool-calling", "gd2po_hard", "/models/none")


@pytest.mark.parametrize(
    ("rank", "variables", "message"),
    [
        ("", {}, "rank '' of 2 nodes"),
        ("2", {}, "rank '2' of 2 nodes"),
        ("0", {"NODES": "", "HEAD_ADDR": ""}, "rank '0' of 0 nodes, head ''; set NODES=node1,node2"),
        ("0", {"GPUS_PER_NODE": "0"}, "no GPU found; to try it without: VERL_PLATFORM=cpu GPUS_PER_NODE=1"),
        ("1", {"JOIN_TIMEOUT": "1"}, "s: is cluster.sh running there with NODE_RANK=0"),
    ],
)
def test_what_cannot_work_is_refused(script, cluster, rank, variables, message):
    node = script(rank, *TRAINING, **variables)
    output, _ = node.communicate(timeout=60)
    assert message in output
    assert node.returncode == 2
    assert cluster.processes() == []


def test_a_port_in_use_is_named(script, cluster):
    with socket.create_server(("", cluster.port)):
        output, _ = script("0", *TRAINING).communicate(timeout=60)
    assert f"{cluster.address}:{cluster.port} is in use, perhaps by another Ray" in output


def test_slurm_says_which_node_this_is(script, cluster):
    """SLURM itself is not here: its variables are set by hand, and its `scontrol` is two lines."""
    scontrol = cluster.folder / "scontrol"
    scontrol.write_text('#!/bin/bash\n[[ "$*" == "show hostnames node[7-8]" ]] && printf "node7\\nnode8\\n"\n')
    scontrol.chmod(0o755)
    variables = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_NODEID": "1", "SLURM_GPUS_ON_NODE": "1"}
    variables |= {"NODES": "", "HEAD_ADDR": "", "GPUS_PER_NODE": "", "JOIN_TIMEOUT": "1"}
    path = f"{cluster.folder}:{cluster.environment['PATH']}"
    output, _ = script("", *TRAINING, PATH=path, **variables).communicate(timeout=60)
    assert f"node8 waits for the head, node7:{cluster.port}" in output
    assert "is 'node7' its name (unknown here)" in output


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
def test_two_nodes_train_although_the_display_is_lost(script, small_training, cluster, eventually):
    training = small_training("trainer.save_freq=1", "trainer.total_training_steps=1", "trainer.resume_mode=disable")
    head = script("0", *training)
    beta = script("1", *training)
    shown = ""
    for line in head.stdout:
        shown += line
        if "  stop    ray job stop " in line:
            break
    assert "all nodes are there: alpha (" in shown, shown
    os.killpg(head.pid, signal.SIGHUP)  # what the kernel does when a terminal is lost
    assert head.wait(30) == -signal.SIGHUP

    log = max(cluster.folder.glob("outputs/cluster/*_alpha.log"))  # named by time
    eventually(lambda: " has succeeded" in log.read_text() or " has failed" in log.read_text(), 600)
    assert " has succeeded" in log.read_text(), log.read_text()[-4000:]
    said, _ = beta.communicate(timeout=120)
    assert beta.returncode == 0 and "the head has ended, and Ray on beta with it" in said
    cluster.await_end(60)

    saved = sorted(path.name for path in (cluster.folder / "run" / "global_step_1" / "actor").glob("model_*"))
    assert saved == ["model_world_size_2_rank_0.pt", "model_world_size_2_rank_1.pt"]
    identity = json.loads((cluster.folder / "run" / "global_step_1" / "gd2po_identity.json").read_text())
    assert identity["workers"] == 2 and identity["actor_rollout_ref.model.path"] == training[2]
