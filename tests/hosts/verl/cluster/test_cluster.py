"""The `gd2po cluster` commands on two real Ray nodes of this machine."""

import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def wait_command(cluster, seconds: int, *, nodes: str = "alpha,beta", gpus: int = 1) -> list[str]:
    options = [f"--nodes={len(nodes.split(','))}", f"--gpus-per-node={gpus}", f"--names={nodes}"]
    return ["gd2po", "cluster", "wait", *options, f"--timeout={seconds}", f"--dashboard={cluster.dashboard}"]


def submit(cluster, *command: str) -> str:
    submission = cluster.run("gd2po", "cluster", "submit", f"--dashboard={cluster.dashboard}", "--", *command)
    output, _ = submission.communicate(timeout=60)
    assert submission.returncode == 0, output
    return output.splitlines()[-1]


def follow(cluster, job: str) -> "subprocess.Popen[str]":
    return cluster.run("gd2po", "cluster", "follow", job, f"--dashboard={cluster.dashboard}")


@pytest.fixture(scope="module")
def two_nodes(cluster):
    """Head first; the other node only after the wait for it has failed, which is part of what is tested."""
    cluster.start_node("alpha", "--head", f"--port={cluster.port}", f"--dashboard-port={cluster.dashboard_port}")
    assert cluster.run(*wait_command(cluster, 150, nodes="alpha")).wait(180) == 0
    impatient = cluster.run(*wait_command(cluster, 1))
    output, _ = impatient.communicate(timeout=60)
    cluster.start_node("beta", f"--address={cluster.address}:{cluster.port}")
    patient = cluster.run(*wait_command(cluster, 120))
    return (impatient.returncode, output), (patient.wait(150), patient.communicate()[0])


def test_a_missing_node_is_named_when_the_time_is_over(two_nodes):
    code, output = two_nodes[0]
    assert code == 2
    assert "1 of 2 nodes, 1 of 2 GPUs; missing: beta. Here: alpha" in output


def test_a_late_node_is_waited_for(two_nodes):
    code, output = two_nodes[1]
    assert code == 0
    assert "all nodes are there: alpha (" in output and "beta (" in output


def test_a_node_with_too_few_gpus_is_named(cluster, two_nodes):
    waiting = cluster.run(*wait_command(cluster, 1, gpus=2))
    assert "alpha has 1 of 2 GPUs; beta has 1 of 2 GPUs" in waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 2


def test_arguments_arrive_as_they_are_and_the_exit_code_comes_back(cluster, two_nodes):
    words = ["a b", "+reward.kwargs.range=[-1,1]", "$HOME", "it's", "*"]
    job = submit(cluster, "bash", "-c", 'printf "<%s>" "$@"; exit 7', "name", *words)
    following = follow(cluster, job)
    output, _ = following.communicate(timeout=60)
    assert "".join(f"<{word}>" for word in words) in output
    assert f"job {job} has failed, exit code 7" in output
    assert following.returncode == 7


def test_the_job_outlives_who_submitted_and_followed_it(cluster, two_nodes, eventually):
    started, finished = cluster.folder / "started", cluster.folder / "finished"
    job = submit(cluster, "bash", "-c", f"touch {started}; sleep 6; touch {finished}")
    following = follow(cluster, job)
    eventually(started.exists, 60)
    following.kill()
    following.wait()
    assert not finished.exists()
    eventually(finished.exists, 60)
    again = follow(cluster, job)
    assert f"job {job} has succeeded" in again.communicate(timeout=60)[0]
    assert again.returncode == 0


def test_an_interrupt_ends_following_and_not_the_job(cluster, two_nodes, eventually):
    finished = cluster.folder / "finished-too"
    job = submit(cluster, "bash", "-c", f"echo running; sleep 6; touch {finished}")
    following = follow(cluster, job)
    for line in following.stdout:
        if line == "running\n":
            break
    following.send_signal(signal.SIGINT)
    assert f"job {job} runs on; gd2po cluster follow {job} shows it again" in following.communicate(timeout=60)[0]
    assert following.returncode == 130
    eventually(finished.exists, 60)


def test_without_a_dashboard_it_says_so(cluster):
    nobody = cluster.run("gd2po", "cluster", "follow", "some-job", "--dashboard=http://127.0.0.1:9")
    assert "Ray's dashboard at http://127.0.0.1:9 does not serve us" in nobody.communicate(timeout=60)[0]
    assert nobody.returncode == 2


def test_a_job_that_does_not_exist_is_named(cluster, two_nodes):
    nobody = follow(cluster, "no-such-job")
    output, _ = nobody.communicate(timeout=60)
    assert "no-such-job" in output and nobody.returncode == 2, output


def test_no_other_program_finds_this_cluster(cluster, two_nodes):
    """`ray start` writes down where the next `ray.init` of this machine shall connect: ours in our own folder."""
    assert f":{cluster.port}" in (cluster.folder / "ray" / "ray_current_cluster").read_text()
    common = Path("/tmp/ray/ray_current_cluster")
    assert not common.exists() or f":{cluster.port}" not in common.read_text()


def test_the_loss_of_the_head_is_an_error(cluster, two_nodes):
    """The last one: nothing is left after it."""
    following = follow(cluster, submit(cluster, "bash", "-c", "echo running; sleep 600"))
    for line in following.stdout:
        if line == "running\n":
            break
    cluster.kill(spare=[following.pid])
    assert "lost sight of job" in following.communicate(timeout=60)[0]
    assert following.returncode == 2
