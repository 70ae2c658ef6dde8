"""The bound on the sandboxes of a machine."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gd2po.errors import SettingsError
from gd2po.rewards.coding.sandbox import places


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(places, "count_of_places", lambda: 2)
    monkeypatch.setattr(places, "_HERE", threading.BoundedSemaphore(9))  # the files alone bound
    return tmp_path


def test_no_more_than_the_places_run_at_one_time():
    running, most, lock = 0, 0, threading.Lock()
    second = threading.Event()

    def work(_):
        nonlocal running, most
        with places.place():
            with lock:
                running += 1
                most = max(most, running)
                if running == 2:
                    second.set()
            second.wait(10)
            with lock:
                running -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert most == 2


def test_a_folder_of_somebody_else_is_not_used(own_folder, monkeypatch):
    (own_folder / "elsewhere").mkdir()
    (own_folder / f"gd2po-sandboxes-{places.os.getuid()}").symlink_to(own_folder / "elsewhere")
    with pytest.raises(SettingsError, match="TMPDIR"), places.place():
        pass
