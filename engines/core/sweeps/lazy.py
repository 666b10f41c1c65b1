"""A sweep as an xarray dataset whose numbers are read from its files when somebody uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from engines.core.protocol.errors import UnknownName

Sweep = Any
"""A sweep on disk, whose file imports this one."""


class Backend(BackendEntrypoint):
    """Opens a sweep for `xarray.open_dataset`, which keeps what was read, and makes chunks for Dask where asked to."""

    def open_dataset(self, filename_or_obj: Any, *, drop_variables: Any = None, **asked: Any) -> xarray.Dataset:
        """Open the `sweep` in a folder; of `names` are the measures (default: all)."""
        return dataset(asked["sweep"], asked["names"]).drop_vars(drop_variables or ())


def dataset(sweep: Sweep, names: Sequence[str] = ()) -> xarray.Dataset:
    """Make a dataset of measures (default: all) over the swept knobs, of which nothing is read yet.

    Every knob is a coordinate: those that are swept have a dim each, and where a point has several members, those in
    which these differ lie along `case`. Raises `UnknownName`.
    """
    known = sweep.measured()
    for name in names:
        if name not in known:
            raise UnknownName("measure of this sweep", name, known)
    axes = sweep.grid
    arrays = {name: LazilyIndexedArray(Measured(sweep, name)) for name in names or known}
    data = {
        name: xarray.Variable(list(axes), array, {"engine": sweep.plan.engine.name}) for name, array in arrays.items()
    }
    about = {"engine": sweep.plan.engine.name, "steps": sweep.plan.experiment.steps}
    return xarray.Dataset(data, _coordinates(sweep, axes), about)


def _coordinates(sweep: Sweep, axes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    group, found = sweep.plan.group, dict[str, Any](axes)
    for name in sweep.plan.engine.Config.knobs():
        values = [getattr(config, name) for config in group]
        if name not in axes:
            found[name] = ("case", values) if "case" in axes and len(dict.fromkeys(values)) > 1 else values[0]
    return found


class Measured(BackendArray):
    """One measure of all members of a sweep; NaN where it is not computed yet, or was refused."""

    dtype = np.dtype(float)

    def __init__(self, sweep: Sweep, name: str) -> None:
        self._sweep, self._name = sweep, name
        self.shape = tuple(len(values) for values in sweep.grid.values())

    def __getitem__(self, key: ExplicitIndexer) -> np.ndarray:
        """Read what a key asks for, and of the files only what may hold it."""
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        chosen = [np.arange(size)[each] for size, each in zip(self.shape, key, strict=True)]
        unique = [np.unique(places, return_inverse=True) for places in chosen]  # one may be asked for twice
        wanted = {
            name: [values[place] for place in places]
            for (name, values), (places, _) in zip(self._sweep.grid.items(), unique, strict=True)
        }
        found = self._sweep.arrays([self._name], wanted)[self._name]
        back = np.ix_(*(inverse.ravel() for _, inverse in unique))
        return found[back].reshape([places.size for places in chosen if places.ndim])


def fill(rows: Any, names: Sequence[str], axes: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
    """Put columns of a table into arrays `[*axes]`; rows at other values than those of the axes are left out.

    Raises `ValueError` where a row has no place, or two have one.
    """
    lacking = [axis for axis in axes if rows[axis].isna().any()]
    if lacking:
        raise ValueError(f"it lacks {lacking[0]}")
    places = np.array([pd.Index(values).get_indexer(rows[axis]) for axis, values in axes.items()])
    here = (places >= 0).all(axis=0)
    if pd.DataFrame(places[:, here].T).duplicated().any():
        raise ValueError("a point is there twice")
    arrays = {name: np.full([len(values) for values in axes.values()], np.nan) for name in names}
    for name, array in arrays.items():
        array[tuple(places[:, here])] = rows[name].to_numpy(dtype=float, na_value=np.nan)[here]
    return arrays
