"""A user's own samples from an `.npz`: a file that may be anything, read within limits and never unpickled."""

from __future__ import annotations

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from engines.core.errors import ConfigError

MIB = 2**20
FILE, ARRAY = 64 * MIB, 256 * MIB
"""The most bytes that the file may have, and an array in it once it is unpacked."""

MEMBERS = 64
"""The most arrays that the file may hold; two of them are read."""

SAMPLES, FEATURES, CLASSES = 20_000, 4096, 50
"""The most that are taken."""

DAMAGED = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError, NotImplementedError)
"""What a file that is not what it says makes the standard library raise."""


def refuse(path: Path, reason: str) -> ConfigError:
    """The error of a file that cannot be used."""
    return ConfigError(f"NeuralCollapse.data={str(path)!r}: {reason}")


def load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """`X` `[N, D]` in float64 and `y` `[N]`, classes 0..K-1 in the order of their labels.

    Raises `ConfigError` with the file, the array, the value and the limit.
    """
    X, y = read(path)
    _check_samples(path, X, y)
    labels, classes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if not 2 <= len(labels) <= CLASSES:
        raise refuse(path, f"y has {len(labels)} classes; allowed are 2 to {CLASSES}")
    if sizes.min() < 2:
        rarest = labels[sizes.argmin()]
        raise refuse(path, f"y has {sizes.min()} sample of class {rarest}; each class needs at least 2")
    return X.astype(float), classes.reshape(-1)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The arrays `X` and `y` as they are stored; nothing is unpacked before its size is known."""
    try:
        regular = path.is_file()
        size = path.stat().st_size if regular else 0
    except (OSError, ValueError) as error:
        raise refuse(path, f"cannot be opened ({error})") from None
    if not regular:
        raise refuse(path, "there is no such file")
    if size > FILE:
        raise refuse(path, f"the file has {size} bytes; the limit is {FILE}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _array(path, archive, "X", "fiub"), _array(path, archive, "y", "iu")
    except ConfigError:
        raise
    except DAMAGED as error:
        raise refuse(path, f"this is no .npz that can be read ({type(error).__name__}: {error})"[:400]) from None


def _array(path: Path, archive: zipfile.ZipFile, name: str, kinds: str) -> np.ndarray:
    names = archive.namelist()
    if len(names) > MEMBERS:
        raise refuse(path, f"it holds {len(names)} arrays; the limit is {MEMBERS}")
    if (count := names.count(f"{name}.npy")) != 1:
        raise refuse(path, f"it holds {count} arrays of the name {name}; it needs one X and one y")
    entry = archive.getinfo(f"{name}.npy")
    if entry.file_size > ARRAY:
        raise refuse(path, f"{name} unpacks to {entry.file_size} bytes; the limit is {ARRAY}")
    with archive.open(entry) as stream:
        _check_header(path, name, stream, entry.file_size, kinds)
    with archive.open(entry) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)  # type: ignore[arg-type]


def _check_header(path: Path, name: str, stream: IO[bytes], size: int, kinds: str) -> None:
    """Refuse what the header promises and the bytes cannot hold, before any memory is asked for."""
    version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
    if version not in ((1, 0), (2, 0)):
        raise refuse(path, f"{name} is stored in format {version}; known are 1.0 and 2.0")
    parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = parse(stream)  # type: ignore[arg-type]
    if dtype.kind not in kinds:
        raise refuse(path, f"{name} has values of type {dtype}; it needs {'whole' if name == 'y' else 'real'} numbers")
    if any(extent < 0 for extent in shape) or prod(shape) * dtype.itemsize != size - stream.tell():
        raise refuse(path, f"{name} says that its shape is {shape}, which is not what its {size} bytes hold")


def _check_samples(path: Path, X: np.ndarray, y: np.ndarray) -> None:
    if X.ndim != 2 or y.ndim != 1:
        raise refuse(path, f"X has shape {X.shape} and y {y.shape}; they must be [samples, features] and [samples]")
    if len(X) != len(y):
        raise refuse(path, f"X has {len(X)} samples and y has {len(y)}")
    for count, limit, what in ((len(X), SAMPLES, "samples"), (X.shape[1], FEATURES, "features")):
        if not 1 <= count <= limit:
            raise refuse(path, f"X has {count} {what}; allowed are 1 to {limit}")
    if not np.isfinite(X).all():
        raise refuse(path, f"X has {int((~np.isfinite(X)).sum())} values that are not finite")
