"""Freed memory goes back to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, psutil
from gd2po.hosts.verl.cpu.memory import give_back

def resident():
    return psutil.Process().memory_info().rss / 2**20

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
blocks = [libc.malloc(100_000) for _ in range(2_000)]  # below the size from which glibc maps a block by itself
for block in blocks:
    ctypes.memset(block, 1, 100_000)
last = libc.malloc(100_000)  # keeps the heap from shrinking from its end
full = resident()
for block in blocks:
    libc.free(block)
kept = resident()
give_back()
print(full - kept, kept - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc keeps freed memory, other systems do not")
def test_what_the_allocator_keeps_goes_back():
    done = subprocess.run([sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=True)
    freed, given_back = map(float, done.stdout.split())
    assert freed < 20 and given_back > 150  # of 190 MiB
