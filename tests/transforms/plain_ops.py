"""The ops in plain Python: what emitted code means. Each op here is the shortest program that does it right."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "@=": operator.imatmul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}


_CONVERT: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


class Unbound:
    """Stands for a name that is not bound. Nothing can be done with it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __bool__(self) -> bool:
        raise AssertionError(f"{self._name} was used while unbound")

    __call__ = __iter__ = __add__ = __radd__ = __eq__ = __bool__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class AssumptionFailed(Exception):
    """A speculated outcome did not come about."""


class PlainOps:
    """An implementation of `jx`. A single carried variable goes bare, several go as a tuple."""

    def cond(self, test: Any, true: Callable[..., Any], false: Callable[..., Any], *carried: Any, site: int) -> Any:
        return true(*carried) if test else false(*carried)

    def while_loop(self, test: Callable[..., Any], body: Callable[..., Any], *carried: Any, site: int) -> Any:
        while test(*carried):
            carried = _several(body(*carried), carried)
        return _bare(carried)

    def for_loop(
        self, items: Iterable[Any], body: Callable[..., Any], *carried: Any, site: int, breaks: bool = False
    ) -> Any:
        for item in items:
            carried = _several(body(item, *carried), carried)
            if breaks and carried[0]:
                break
        return _bare(carried)

    def truth(self, test: Any, site: int = 0) -> bool:
        return bool(test)

    def and_(self, left: Any, right: Callable[[], Any], *, site: int) -> Any:
        return left and right()

    def or_(self, left: Any, right: Callable[[], Any], *, site: int) -> Any:
        return left or right()

    def both(self, left: Any, right: Callable[[], Any], *, site: int = 0) -> bool:
        return bool(left and right())

    def either(self, left: Any, right: Callable[[], Any], *, site: int = 0) -> bool:
        return bool(left or right())

    def not_(self, value: Any) -> bool:
        return not value

    def if_exp(self, test: Any, true: Callable[[], Any], false: Callable[[], Any], *, site: int) -> Any:
        return true() if test else false()

    def chain(self, left: Any, *links: Any, site: int = 0) -> Any:
        assert site or len(links) == 2
        result: Any = True
        for symbol, right in zip(links[::2], links[1::2], strict=True):
            value = right()
            result = _COMPARE[symbol](left, value)
            if len(links) > 2 and links[-1] is not right and not result:
                return result
            left = value
        return result

    def holds(self, left: Any, *links: Any, site: int = 0) -> bool:
        return bool(self.chain(left, *links, site=site))

    def contains(self, items: Any, value: Any) -> bool:
        return value in items

    def same(self, left: Any, right: Any) -> bool:
        return left is right

    def assert_(self, test: Any, message: Callable[[], Any] | None = None, *, site: int) -> None:
        if not test:
            raise AssertionError(message()) if message is not None else AssertionError

    def assume(self, test: Any, outcome: bool, *, site: int) -> bool:
        if bool(test) is not outcome:
            raise AssumptionFailed(site)
        return outcome

    def call(self, function: Any) -> Any:
        return function

    def fstring(self, *pieces: Any) -> str:
        out = ""
        for piece in pieces:
            if isinstance(piece, tuple):
                value, conversion, spec = piece
                converted = value if conversion is None else _CONVERT[conversion](value)
                out += format(converted, spec)
            else:
                out += piece
        return out

    def percent(self, template: str, values: Any) -> str:
        text: str = template % values
        return text

    slice = slice

    def subject(self, value: Any, deep: bool = False) -> Any:
        return value

    def item(self, value: Any, index: Any) -> Any:
        return value[index]

    def set_item(self, new: Any, value: Any, index: Any) -> None:
        value[index] = new

    def update_item(self, value: Any, index: Any, sign: str, operand: Callable[[], Any]) -> None:
        old = value[index]
        value[index] = _IN_PLACE[sign](old, operand())

    def unbound(self, name: str) -> Unbound:
        return Unbound(name)

    def sure(self, value: Any) -> Any:
        assert not isinstance(value, Unbound)
        return value

    def read(self, value: Any, name: str) -> Any:
        if isinstance(value, Unbound):
            raise UnboundLocalError(f"cannot access local variable '{name}' where it is not associated with a value")
        return value


def _several(result: Any, carried: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(carried) == 0:
        assert result is None
        return ()
    if len(carried) == 1:
        return (result,)
    assert isinstance(result, tuple) and len(result) == len(carried)
    return result


def _bare(carried: tuple[Any, ...]) -> Any:
    return None if not carried else carried[0] if len(carried) == 1 else carried
