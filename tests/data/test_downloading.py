"""Downloads from a server that behaves, and from one that does not."""

import random
import socket
import threading

import pytest

from gd2po.data.downloading import Listener, download
from gd2po.errors import DownloadError

CONTENT = random.Random(1).randbytes(300_000)
QUICK = {"backoff": 0.01, "timeout": 10}


@pytest.fixture
def troubles():
    return []


@pytest.fixture
def bring(server, tmp_path, troubles):
    """Downloads the one file; yields what was reported as progress."""
    server.files["/f.bin"] = CONTENT

    def run(**options):
        steps = []
        listener = Listener(lambda *step: steps.append(step), troubles.append)
        download(f"{server.url}/f.bin", tmp_path / "new" / "f.part", listener, **QUICK | options)
        return steps

    return run


@pytest.fixture
def part(tmp_path):
    (tmp_path / "new").mkdir()
    return tmp_path / "new" / "f.part"


def test_a_file_arrives_whole_and_with_progress(bring, server, tmp_path, troubles):
    steps = bring()
    assert (tmp_path / "new" / "f.part").read_bytes() == CONTENT
    assert steps[0] == (0, len(CONTENT)) and steps[-1] == (len(CONTENT), len(CONTENT))
    assert server.requests == [("/f.bin", None)] and not troubles


def test_a_lost_connection_is_resumed(bring, server, part, troubles):
    server.cuts = [100_000, 50_000]
    bring()
    assert part.read_bytes() == CONTENT
    assert [range_header for _, range_header in server.requests] == [None, "bytes=100000-", "bytes=150000-"]
    assert len(troubles) == 2 and "next attempt in 0.01 s" in troubles[0]


def test_a_later_download_goes_on_where_the_last_one_gave_up(bring, server, part):
    server.cuts = [100_000]
    with pytest.raises(DownloadError):
        bring(retries=0)
    assert part.read_bytes() == CONTENT[:100_000]
    assert bring()[0] == (100_000, len(CONTENT))
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("have", [CONTENT[:7], b"x" * len(CONTENT) * 2], ids=["beginning", "longer"])
def test_a_server_that_does_not_resume_sends_all_again(bring, server, part, have):
    server.ranges = False
    part.write_bytes(have)
    bring()
    assert part.read_bytes() == CONTENT
    assert server.requests == [("/f.bin", f"bytes={len(have)}-")]


def test_a_complete_part_is_not_fetched_again(bring, server, part):
    part.write_bytes(CONTENT)
    assert bring() == []
    assert part.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_fetched_from_the_start(bring, server, part):
    part.write_bytes(CONTENT + b"!")
    bring()
    assert part.read_bytes() == CONTENT
    assert [range_header for _, range_header in server.requests] == [f"bytes={len(CONTENT) + 1}-", None]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_that_passes_is_waited_for(bring, server, part, troubles, status):
    server.statuses = [status, status]
    bring()
    assert part.read_bytes() == CONTENT
    assert [str(status) in sentence for sentence in troubles] == [True, True]


def test_attempts_are_bounded(bring, server, part):
    server.statuses = [503] * 9
    with pytest.raises(DownloadError, match=r"f\.bin cannot be fetched: .* 503 .*last of 3 attempts.*--from"):
        bring(retries=2)
    assert len(server.requests) == 3 and not part.exists()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_final(bring, server, status):
    server.statuses = [status]
    with pytest.raises(DownloadError, match=f"f.bin cannot be fetched: the server answers {status}"):
        bring()
    assert len(server.requests) == 1


def test_a_server_that_is_not_there(tmp_path, troubles):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(DownloadError, match=f"http://127.0.0.1:{port}/f cannot be fetched: ConnectError.*--from"):
        download(f"http://127.0.0.1:{port}/f", tmp_path / "f", Listener(trouble=troubles.append), retries=1, **QUICK)
    assert len(troubles) == 1 and list(tmp_path.iterdir()) == []


def test_a_server_that_falls_silent(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        accepted = []
        thread = threading.Thread(target=lambda: accepted.append(silent.accept()))
        thread.start()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/f"
        with pytest.raises(DownloadError, match="ReadTimeout"):
            download(address, tmp_path / "f", Listener(), retries=0, timeout=0.3)
        thread.join()
        accepted[0][0].close()
