"""Becomes another program, tied to the life of its parent: `exec_child.py OPTIONS_JSON PROGRAM [ARGUMENT...]`.

Run as a file with `python -I -S`, so only the standard library is imported. Doing this in a fresh process instead of a
`preexec_fn` is safe in a parent with threads. Options: `parent` (pid), `signal` (sent by the kernel when the parent
dies; Linux only), `user` (account to run as, for root only), `reach` (keep the right to pass folders closed to it).
"""

import contextlib
import ctypes
import json
import os
import pwd
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _prctl(libc: ctypes.CDLL, option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *values) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def _keep_reach(libc: ctypes.CDLL) -> None:
    """Lets the program, no longer root, use files below folders only root may enter; nothing on disk changes."""
    header = _CapHeader(_LINUX_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    data = (_CapData * 2)(_CapData(bit, bit, bit), _CapData(0, 0, 0))
    if libc.capset(ctypes.byref(header), data) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
    _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE)


def main() -> None:
    options = json.loads(sys.argv[1])
    program = sys.argv[2:]
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if options["user"] is not None:
        entry = pwd.getpwnam(options["user"])
        if options["reach"] and linux:
            _prctl(libc, _PR_SET_KEEPCAPS, 1)
            # Else access(2), by which initdb looks for its programs, would answer as if the right had not been kept.
            # A container may forbid it; then only programs below closed folders are out of reach.
            with contextlib.suppress(OSError):
                _prctl(libc, _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        if options["reach"] and linux:
            _keep_reach(libc)
    if linux:
        # After setuid, which clears it.
        _prctl(libc, _PR_SET_PDEATHSIG, options["signal"])
        if os.getppid() != options["parent"]:
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - the whole purpose


main()
