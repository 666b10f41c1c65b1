"""Arrays of an `.npz` that may be anything: read within limits and never unpickled."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from math import prod
from typing import IO

import numpy as np

from engines.core.files.input_file import InputFile
from engines.core.protocol.errors import ConfigError

MIB = 2**20
FILE, ARRAY = 64 * MIB, 256 * MIB
"""The most bytes that the file may have, and an array in it once it is unpacked."""

MEMBERS = 64
"""The most arrays that the file may hold, those that are not read included."""

REAL, WHOLE = "fiub", "iu"
"""Kinds of numbers that an array may be of."""

DAMAGED = (
    zipfile.BadZipFile, zlib.error, tokenize.TokenError, SyntaxError, ValueError, TypeError, LookupError,
    ArithmeticError, EOFError, OSError, MemoryError, RuntimeError,
)  # fmt: skip
"""Errors that the standard library raises for a file that is not what it says."""


def read(
    file: InputFile, wanted: Mapping[str, str], optional: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Read the arrays of these names and kinds as they are stored; nothing is unpacked before its size is known.

    They may have any shape `[*]`; optional ones may be missing. Raises `ConfigError` with the file, the array, the
    value and the limit.
    """
    file.size(FILE)
    try:
        with zipfile.ZipFile(file.path) as archive:
            return _arrays(file, archive, wanted, optional or {})
    except ConfigError:
        raise
    except DAMAGED as error:
        why = str(error).partition("\n")[0]  # NumPy goes on with advice to trust the file
        raise file.refuse(f"this is no .npz that can be read ({type(error).__name__}: {why})"[:400]) from None


def _arrays(
    file: InputFile, archive: zipfile.ZipFile, wanted: Mapping[str, str], optional: Mapping[str, str]
) -> dict[str, np.ndarray]:
    names = archive.namelist()
    if len(names) > MEMBERS:
        raise file.refuse(f"it holds {len(names)} arrays; the limit is {MEMBERS}")
    there = {name: kinds for name, kinds in optional.items() if f"{name}.npy" in names}
    for name in (wanted := {**wanted, **there}):
        if (count := names.count(f"{name}.npy")) != 1:
            raise file.refuse(f"it holds {count} arrays of the name {name}; it needs one {' and one '.join(wanted)}")
    return {name: _array(file, archive, name, kinds) for name, kinds in wanted.items()}


def _array(file: InputFile, archive: zipfile.ZipFile, name: str, kinds: str) -> np.ndarray:
    entry = archive.getinfo(f"{name}.npy")
    if entry.file_size > ARRAY:
        raise file.refuse(f"{name} unpacks to {entry.file_size} bytes; the limit is {ARRAY}")
    with archive.open(entry) as stream:
        _check_header(file, name, stream, entry.file_size, kinds)
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)  # type: ignore[arg-type]


def _check_header(file: InputFile, name: str, stream: IO[bytes], size: int, kinds: str) -> None:
    """Refuse what the header promises and the bytes cannot hold, before any memory is asked for."""
    version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
    if version not in ((1, 0), (2, 0)):
        raise file.refuse(f"{name} is stored in format {version}; known are 1.0 and 2.0")
    parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = parse(stream)  # type: ignore[arg-type]
    if dtype.kind not in kinds:
        numbers = "whole" if kinds == WHOLE else "real"
        raise file.refuse(f"{name} has values of type {dtype}; it needs {numbers} numbers")
    if any(extent < 0 for extent in shape) or prod(shape) * dtype.itemsize != size - stream.tell():
        raise file.refuse(f"{name} says that its shape is {shape}, which is not what its {size} bytes hold")
