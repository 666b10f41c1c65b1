"""Graphics cards that are not there: to Python a tensor lies on `cuda:0`, while the processor computes what it holds.

What a real GPU would refuse is refused (operands on two devices, numpy on a tensor of the GPU, a wait within a
capture), what costs time there is counted (kernels, waits of the host), and what is captured is played back from a
tape. Copies to pinned memory arrive when somebody waits for them, not before. Values are the processor's, so that a run
on the GPU can be compared with one beside it.

    with pretended(gpus=2) as machine:
        x = torch.ones(3, device="cuda")
        with machine.counting() as count:
            (x + 1).sum().item()
        assert (count.kernels, count.waits) == (2, ["_local_scalar_dense"])
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from tests import pretend_machine
from tests.pretend_machine import Machine, Tape

FREE = {
    "_unsafe_view", "_reshape_alias", "lift_fresh", "lift", "empty", "empty_like", "new_empty", "empty_strided",
    "new_empty_strided", "_local_scalar_dense",
}  # fmt: skip
"""Operations that launch nothing, beside views."""

LOOKING = {
    "_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim", "bincount",
    "unique_consecutive", "_assert_async", "_linalg_check_errors", "_linalg_eigh", "_linalg_svd", "linalg_lstsq",
    "linalg_eig", "_linalg_det", "linalg_eigvals",
}  # fmt: skip
"""Operations after which the host knows a number of the GPU: it has waited. Solvers look whether they converged."""

TYPED = {"mm", "bmm", "addmm", "baddbmm", "mv", "dot", "cat", "stack", "gather", "index_select", "scatter"}
"""Operations that take no number of the host in place of a tensor."""

INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}

# -- a tensor of the GPU ------------------------------------------------------------------------------------------


class OnGpu(Tensor):
    """A tensor that Python sees on a GPU."""

    values: Tensor
    index: int

    @staticmethod
    def __new__(cls, values: Tensor, index: int) -> OnGpu:
        made = Tensor._make_wrapper_subclass(
            cls, values.size(), strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            device=values.device, requires_grad=values.requires_grad,
        )  # fmt: skip
        made.values, made.index = values, index
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]
    device = property(lambda self: torch.device("cuda", self.index))  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]

    def __repr__(self, **_: Any) -> str:
        return f"OnGpu({tuple(self.shape)}, {self.dtype}, cuda:{self.index})"

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert cuda device type tensor to numpy")

    __array__ = numpy

    def tolist(self) -> Any:
        pretend_machine.machine().wait("tolist")
        return self.values.tolist()

    def cpu(self, *_: Any, **__: Any) -> Tensor:
        pretend_machine.machine().wait("copy to the host")
        return self.values.detach().clone()

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        place, rest, others = _without_device(args, kwargs)
        moved: Tensor = self
        if place is not None and place.type == "cpu":
            moved = self.cpu()
        elif place is not None and (place.index or 0) != self.index:
            moved = OnGpu(self.values.clone(), place.index or 0)
        dtype = next((one for one in rest if isinstance(one, torch.dtype)), others.get("dtype"))
        return moved if dtype in (None, moved.dtype) else Tensor.to(moved, dtype)

    def new_tensor(self, data: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        return upload(torch.tensor(data, dtype=dtype or self.dtype), self.index)

    @classmethod
    def __torch_dispatch__(cls, act: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        return _dispatched(pretend_machine.machine(), act, args, kwargs or {})


def upload(values: Tensor, index: int = 0) -> OnGpu:
    """Copy a tensor of the host to a GPU."""
    pretend_machine.machine().allocate(values)
    pretend_machine.machine().uploaded(tuple(values.shape))
    return OnGpu(values.detach().clone(), index)


def held(value: Any) -> Tensor:
    """Read what a tensor holds, wherever it lies."""
    return value.values if isinstance(value, OnGpu) else value


def _dispatched(machine: Machine, act: Any, args: tuple, kwargs: dict) -> Any:
    name = act.overloadpacket.__name__
    flat, spec = tree_flatten((args, kwargs))
    gpus = [one for one in flat if isinstance(one, OnGpu)]
    if name == "copy_" and not isinstance(args[0], OnGpu):
        return _downloaded(machine, args)
    if name == "copy_" and not isinstance(args[1], OnGpu):
        machine.uploaded(tuple(args[1].shape))
    else:
        _check(machine, act, name, args, flat)
    plain = [held(one) for one in flat]
    inner_args, inner_kwargs = tree_unflatten(plain, spec)
    run = _mixed_product if act is getattr(torch.ops.aten.mm, "dtype", None) else act
    made = run(*inner_args, **inner_kwargs)
    index = gpus[0].index
    if not _quiet(act):
        machine.allocate(made)
        machine.launched(name, index, run, inner_args, inner_kwargs, made)
    known = {id(one.values): one for one in gpus}
    leaves, shape = tree_flatten(made)
    return tree_unflatten([_seen(one, known, index) for one in leaves], shape)


def _seen(value: Any, known: dict[int, OnGpu], index: int) -> Any:
    """The tensor of the GPU that holds a result: one of the arguments where that was written to."""
    if not isinstance(value, Tensor):
        return value
    return known[id(value)] if id(value) in known else OnGpu(value, index)


def _mixed_product(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """Multiply narrow matrices and keep the sums wide, which the processor cannot do by itself."""
    return (a.to(dtype) @ b.to(dtype)).to(dtype)


@cache
def _quiet(act: Any) -> bool:
    """Whether an operation launches no kernel: it is a view, or makes memory that holds nothing yet."""
    views = [one.alias_info is not None and not one.alias_info.is_write for one in act._schema.returns]
    return act.overloadpacket.__name__ in FREE or any(views)


def _downloaded(machine: Machine, args: tuple) -> Tensor:
    target, source, *rest = args
    if rest and rest[0] and target.untyped_storage().data_ptr() in machine.pinned:
        machine.send(source.index, target, source.values)
    else:
        machine.wait("copy to the host")
        target.copy_(source.values)
    return target


def _check(machine: Machine, act: Any, name: str, args: tuple, flat: list[Any]) -> None:
    """Refuse what a GPU refuses, and note what makes the host wait."""
    gpus = [one for one in flat if isinstance(one, OnGpu)]
    host = [one for one in flat if isinstance(one, Tensor) and not isinstance(one, OnGpu)]
    if name in INDEXED:
        indices = [one for one in args[1] if isinstance(one, Tensor)]
        if any(one.dtype in (torch.bool, torch.uint8) for one in indices):
            machine.wait("index by a mask")
        if isinstance(args[0], OnGpu):  # torch takes the numbers of the host there, and waits
            for one in [one for one in indices if not isinstance(one, OnGpu)]:
                machine.wait("index by numbers of the host")
                host = [other for other in host if other is not one]
    elif name in LOOKING:
        machine.wait(name)
    wrong = [one for one in host if one.dim() > 0 or name in TYPED]
    if wrong or len({one.index for one in gpus}) > 1:
        raise RuntimeError(
            f"Expected all tensors to be on the same device: {act} of {[str(one.device) for one in (*gpus, *wrong)]}"
        )


# -- what Python asks torch for ------------------------------------------------------------------------------------


def _without_device(args: tuple, kwargs: dict) -> tuple[torch.device | None, tuple, dict]:
    """Find the device in the arguments of `to`, or in the keywords of a factory; return it and the rest."""
    rest, others, place = [], dict(kwargs), None
    for one in (*args, others.pop("device", None)):
        if isinstance(one, torch.device):
            place = one
        elif isinstance(one, str) and one.split(":")[0] in ("cpu", "cuda"):
            place = torch.device(one)
        elif isinstance(one, OnGpu) and place is None:
            place = one.device
            others.setdefault("dtype", one.dtype)
        elif one is not None:
            rest.append(one)
    return place, tuple(rest), others


class Names(TorchFunctionMode):
    """Makes tensors on a GPU where Python asks for one."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self._machine = machine

    def __torch_function__(self, act: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs, name = dict(kwargs or {}), getattr(act, "__name__", "")
        if kwargs.pop("pin_memory", False):
            made = act(*args, **kwargs)
            self._machine.pinned.add(made.untyped_storage().data_ptr())
            return made
        if name == "to" and not isinstance(args[0], OnGpu):
            return self._moved(act, args, kwargs)
        place, _, others = _without_device((), kwargs)
        if name in ("tensor", "as_tensor") and args and isinstance(args[0], OnGpu):
            return args[0].to(**kwargs)
        if place is None or place.type != "cuda":
            return act(*args, **kwargs)
        index = self._machine.current if place.index is None else place.index
        made = act(*args, **others)
        if name in ("tensor", "as_tensor", "asarray"):
            return upload(made, index)
        if isinstance(made, OnGpu):
            return made
        self._machine.allocate(made)
        if name not in FREE:
            self._machine.launched(name, index, act, args, others, made)
        return OnGpu(made, index)

    def _moved(self, act: Any, args: tuple, kwargs: dict) -> Tensor:
        place, rest, others = _without_device(args[1:], kwargs)
        if place is None or place.type != "cuda":
            return act(*args, **kwargs)
        others.pop("non_blocking", None)
        made = act(args[0], *rest, **others) if rest or others else args[0]
        return upload(made, self._machine.current if place.index is None else place.index)


# -- torch.cuda ----------------------------------------------------------------------------------------------------


class Stream:
    """A queue of a GPU, which is always empty."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def wait_stream(self, other: Any) -> None:
        """Nothing is late."""

    def synchronize(self) -> None:
        """Nothing is late."""


class Event:
    """A mark in the queue of the current GPU: the copies before it have arrived once it was waited for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self._copies: list[tuple[int, Tensor, Tensor]] = []

    def record(self, stream: Any = None) -> None:
        """Put the mark behind the copies that are under way."""
        self._copies = pretend_machine.machine().recorded()

    def query(self) -> bool:
        """Whether all before it has arrived."""
        return not self._copies

    def synchronize(self) -> None:
        """Wait for all before it."""
        for _, target, values in self._copies:
            target.copy_(values)
        self._copies = []


def _functions(machine: Machine) -> dict[str, Any]:
    """What stands for the names of `torch.cuda`."""

    @contextmanager
    def device(place: Any) -> Iterator[None]:
        before, index = machine.current, place if isinstance(place, int) else torch.device(place).index
        machine.current = before if index is None or index < 0 else index
        try:
            yield
        finally:
            machine.current = before

    @contextmanager
    def graph(tape: Tape, **_: Any) -> Iterator[None]:
        if machine.capturing or machine.refuses_capture:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        machine.capturing = (tape, machine.current, threading.current_thread())
        try:
            yield
        finally:
            machine.capturing = None
        tape.spoil()

    @contextmanager
    def stream(_: Any) -> Iterator[None]:
        yield

    def emptied() -> None:
        machine.emptied += 1
        machine.cached = 0

    return {
        "CUDAGraph": Tape, "graph": graph, "Stream": Stream, "stream": stream, "Event": Event, "device": device,
        "current_stream": Stream, "synchronize": lambda *_: None, "empty_cache": emptied,
        "is_available": lambda: True, "device_count": lambda: machine.gpus,
        "get_device_name": lambda index=0: f"Pretended GPU {index}",
        "mem_get_info": lambda *_: (machine.memory - machine.cached, machine.memory),
        "memory_reserved": lambda *_: machine.cached, "memory_allocated": lambda *_: 0,
        "current_device": lambda: machine.current,
    }  # fmt: skip


@contextmanager
def pretended(gpus: int = 1, memory: int = 139 * 2**30) -> Iterator[Machine]:
    """Give this process GPUs: inside, this thread may ask for `cuda`."""
    before, made = pretend_machine.MACHINE, Machine(gpus, memory)
    pretend_machine.MACHINE = made
    try:
        with ExitStack() as stack:
            for name, value in _functions(made).items():
                stack.enter_context(mock.patch.object(torch.cuda, name, value))
            stack.enter_context(Names(made))
            yield made
    finally:
        pretend_machine.MACHINE = before
