"""The operators of symbolic values: between host values longer expressions, with an array the program's own."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from janusx.state.arrays import Augment, Write
from janusx.tracing import context

_HOST = (bool, int, float, complex, str, bytes, tuple, list, np.ndarray, np.generic)


class Arithmetic:
    """The operators, for `Sym` to inherit."""

    __slots__ = ()


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def forward(self: Any, other: Any) -> Any:
        from janusx.state import symbols

        if symbols.is_array(other):
            return function(symbols.weak(self, other), other)
        return symbols.apply(function, self, other) if _is_host(other) else NotImplemented

    return forward


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def backward(self: Any, other: Any) -> Any:
        from janusx.state import symbols

        if symbols.is_array(other):
            return function(other, symbols.weak(self, other))
        return symbols.apply(function, other, self) if _is_host(other) else NotImplemented

    return backward


def _is_host(value: Any) -> bool:
    return issubclass(type(value), Arithmetic) or isinstance(value, _HOST)


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Any, *args: Any) -> Any:
        from janusx.state import symbols

        return symbols.apply(function, self, *args)

    return run


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    def forward(self: Any, other: Any) -> Any:
        from janusx.state import symbols

        if name == "iadd" and symbols.grows(self):
            context.current().hold_append(self, list.extend, (list(other),))
            return self
        if self._jx_kind is np.ndarray and not symbols.is_array(other):
            context.current().arrays.write(self, Write(Augment(getattr(operator, name))), (other,))
            return self
        if self._jx_kind in (list, dict, set):
            self._change_in_place(f"`{name[1:]}` in place")
        return NotImplemented  # an immutable value: Python goes on with the operator itself

    return forward


for _name in "iadd isub imul itruediv ifloordiv imod ipow imatmul iand ior ixor ilshift irshift".split():
    setattr(Arithmetic, f"__{_name}__", _in_place(_name))
for _name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split():
    _function = getattr(operator, _name + ("_" if _name in ("and", "or") else ""))
    setattr(Arithmetic, f"__{_name}__", _binary(_function))
    setattr(Arithmetic, f"__r{_name}__", _reflected(_function))
for _name in "lt le eq ne gt ge".split():
    setattr(Arithmetic, f"__{_name}__", _binary(getattr(operator, _name)))
for _name in "neg pos abs invert".split():
    setattr(Arithmetic, f"__{_name}__", _unary(getattr(operator, _name)))
for _name, _function in {"divmod": _binary(divmod), "rdivmod": _reflected(divmod), "round": _unary(round)}.items():
    setattr(Arithmetic, f"__{_name}__", _function)
