"""A seccomp filter: system calls that no answer needs, and that reach into other processes or into the kernel."""

import functools
import os
import platform
import struct

_ALLOW, _REFUSE, _NO_SUCH_CALL = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # errno 1: EPERM, errno 38: ENOSYS
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NEW_NAMESPACES = 0x7E020000  # the CLONE_NEW… flags, the time namespace aside

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CALLS = {
    "x86_64": {
        "ptrace": 101, "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175,
        "delete_module": 176, "quotactl": 179, "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
        "move_pages": 279, "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
        "userfaultfd": 323,
    },
    "aarch64": {
        "umount2": 39, "mount": 40, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106,
        "ptrace": 117, "reboot": 142, "add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241,
        "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
        "finit_module": 273, "bpf": 280, "userfaultfd": 282,
    },
}  # fmt: skip
_EVERYWHERE = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
}  # fmt: skip
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_X32 = 0x40000000


@functools.cache
def program() -> bytes | None:
    """The filter for this machine as an array of BPF instructions; None for an unknown processor.

    Calls of another architecture and those of the list are refused; `clone` with new namespaces is, too; `clone3`
    does not exist, since a filter cannot see its flags, and the C library then uses `clone`.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return None
    code = [_step(_LOAD, 4), _step(_EQUAL, _ARCHITECTURES[machine], 1, 0), _step(_RETURN, _REFUSE), _step(_LOAD, 0)]
    code += [_step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _REFUSE)]
    code += [_step(_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _NO_SUCH_CALL)]
    for number in (*_CALLS[machine].values(), *_EVERYWHERE.values()):
        code += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _REFUSE)]
    code += [_step(_EQUAL, _CLONE[machine], 0, 3), _step(_LOAD, 16), _step(_ANY_BIT, _NEW_NAMESPACES, 0, 1)]
    return b"".join([*code, _step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)])


def as_file(content: bytes) -> int:
    """A file descriptor from which ``content`` can be read; the caller closes it."""
    file = os.memfd_create("seccomp")
    os.write(file, content)
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
