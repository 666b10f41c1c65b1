"""Kernels of attention that can be differentiated twice, and under `vmap`; the fast ones cannot."""

from __future__ import annotations

from threading import Lock

from torch.backends import cuda, mha


class PlainKernels:
    """Switches of torch, turned while somebody is inside: they are the process's own, and several may be inside."""

    def __init__(self) -> None:
        self._inside = 0
        self._before: tuple[bool, ...] = ()
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = (
                    mha.get_fastpath_enabled(), cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(),
                    cuda.cudnn_sdp_enabled(),
                )  # fmt: skip
                self._set(False, False, False, False)
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._set(*self._before)

    def _set(self, fastpath: bool, flash: bool, efficient: bool, cudnn: bool) -> None:
        mha.set_fastpath_enabled(fastpath)
        cuda.enable_flash_sdp(flash)
        cuda.enable_mem_efficient_sdp(efficient)
        cuda.enable_cudnn_sdp(cudnn)


PLAIN_KERNELS = PlainKernels()
"""The switches of this process: `with PLAIN_KERNELS:` stands around what is differentiated."""
