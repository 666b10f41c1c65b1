"""Work of Panel and Bokeh that is the same for every page is done once, and work that comes to nothing is not done.

It would cost the event loop, which all visitors share, most of what it takes to answer for a page.
"""

from __future__ import annotations

import ctypes
import gc
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bokeh.core.has_props import HasProps, MetaHasProps, is_DataModel
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.core.property.singletons import Undefined
from bokeh.core.serialization import Ref, Serializer
from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.io.state import curstate
from bokeh.model import DataModel, Model
from panel.io.resources import Resources
from panel.io.state import state

_plain_values = HasProps.query_properties_with_values

_plain_resources: Callable[[Resources, list[str], str], None] = Resources.extra_resources

_plain_definition: Callable[[type[HasProps], Serializer], Any] = Serializer._encoders[MetaHasProps]

_plain_default = PropertyDescriptor.instance_default

_plain_unstable = PropertyDescriptor.has_unstable_default

_anew: list[bool] = []
"""Whether the first pages were let go."""

_resources: dict[Any, list[str]] = {}
"""Files that components want of the page, by all that they depend on."""

_definitions: dict[type[HasProps], dict[str, Any]] = {}
"""Properties with their defaults, of each type that the browser has to be told of."""

_defaults: dict[tuple[type[HasProps], str], Any] = {}
"""Defaults that are one value for all models of a type, by type and property."""

_unstable: dict[tuple[type[HasProps], str], bool] = {}
"""Whether each model has a default of its own, by type and property."""


def install() -> None:
    """Have it so in this process."""
    PropertyDescriptor.instance_default = _default  # type: ignore[method-assign]
    PropertyDescriptor.has_unstable_default = _has_unstable_default  # type: ignore[method-assign]
    HasProps.query_properties_with_values = _values  # type: ignore[method-assign, assignment]
    Resources.extra_resources = _extra_resources  # type: ignore[method-assign]
    Serializer._encoders[MetaHasProps] = _define


def set_apart() -> None:
    """Have the collector of garbage look past what is there for as long as the program runs.

    Otherwise it goes through all of torch, Bokeh and Panel after each page that is closed.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


def set_apart_anew() -> None:
    """Let go of the first pages, which were being made when the program was set apart; call it when no page is open.

    A page that is being made at this moment would never be let go: then it is done again with the next call.
    """
    if not _anew:
        gc.unfreeze()
        gc.collect()
        programs = curstate().document
        if not any(type(each) is Document and each is not programs for each in gc.get_objects()):
            _anew.append(True)
        gc.freeze()


def give_memory_back() -> None:
    """Give the memory of closed pages back to the machine; call it when no page is open."""
    gc.collect()
    with suppress(OSError, AttributeError):  # elsewhere than under glibc
        ctypes.CDLL(None).malloc_trim(0)


def _values(
    self: HasProps, query: Callable[[Any], bool], *, include_defaults: bool = True, include_undefined: bool = False
) -> dict[str, Any]:
    """Ask for the values that are sent; Bokeh would work out all defaults first, and leave them out afterwards."""
    selects = query
    if not include_defaults:
        chosen = {*self._property_values, *self._unstable_default_values, *(self.themed_values() or ())}
        selects = lambda each: (each.name in chosen or each.property._default is Undefined) and query(each)  # noqa: E731
    return _plain_values(self, selects, include_defaults=include_defaults, include_undefined=include_undefined)


def _default(self: PropertyDescriptor[Any], obj: HasProps) -> Any:
    """Return a default; Bokeh would look through all classes above, and check what it finds, each time."""
    key, themed = (type(obj), self.name), obj.themed_values()
    if themed and self.name in themed:
        return _plain_default(self, obj)
    if key not in _defaults:
        value = _plain_default(self, obj)
        if self.has_unstable_default(obj) or not (value is None or isinstance(value, bool | int | float | str)):
            return value
        _defaults[key] = value
    return _defaults[key]


def _has_unstable_default(self: PropertyDescriptor[Any], obj: HasProps) -> bool:
    key = type(obj), self.name
    if key not in _unstable:
        _unstable[key] = _plain_unstable(self, obj)
    return _unstable[key]


def _extra_resources(self: Resources, files: list[str], kind: str) -> None:
    # Components may be declared later on: each brings a type of its own.
    key = kind, self.mode, state.rel_path, len(Model.model_class_reverse_map)
    if key not in _resources:
        _plain_resources(self, resources := [], kind)
        _resources[key] = resources
    files += [file for file in _resources[key] if file not in files]


def _define(cls: type[HasProps], serializer: Serializer) -> Any:
    if cls not in _definitions:
        made = _plain_definition(cls, serializer)
        own = {name: value for name, value in dict(made).items() if name != "extends"}
        if is_DataModel(cls) and '"id"' not in json.dumps(own):  # a default that is a model is each page's own
            _definitions[cls] = own
        return made
    serializer.add_ref(cls, Ref(id=ID(cls.__qualified_model__)))
    base = next((each for each in cls.__bases__ if issubclass(each, Model) and each is not DataModel), None)
    return _definitions[cls] | ({"extends": serializer.encode(base)} if base else {})
