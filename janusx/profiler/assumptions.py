"""What a compiled program takes for granted, as values that only ever become weaker.

Each kind of assumption is a small lattice, from the strongest that an observation gives to the top, which admits
everything (after JANUS, section 4 of Jeong et al., NSDI 2019). `relax` goes up by the least step that admits what was
observed. There is no way down: a program that was wrong once would be wrong again.
"""

from __future__ import annotations

import functools
import types
import weakref
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from janusx.profiler.records import BranchProfile, CallProfile, LoopProfile, VariableProfile

_Observed = TypeVar("_Observed", contravariant=True)


class Assumption(Protocol[_Observed]):
    """What all assumptions do."""

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        ...

    def admits(self, observed: _Observed) -> bool:
        """Whether a program compiled under the assumption is right for what was observed."""
        ...

    def relax(self, observed: _Observed) -> Assumption[_Observed]:
        """The strongest weaker assumption that admits `observed` too."""
        ...


@dataclass(frozen=True)
class Branch:
    """The outcome of a predicate: always true or always false → dynamic (None).

    Example:
        >>> print(Branch(True), "→", Branch(True).relax(False))
        always true → dynamic
    """

    outcome: bool | None = None

    @classmethod
    def of(cls, profile: BranchProfile) -> Branch:
        """What a profile suggests."""
        return cls(profile.stable)

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        return self.outcome is None

    def admits(self, observed: bool) -> bool:
        """Whether the branch may go this way."""
        return self.outcome is None or self.outcome is observed

    def relax(self, observed: bool) -> Branch:
        """Admits this outcome too."""
        return self if self.admits(observed) else Branch()

    def __str__(self) -> str:
        return "dynamic" if self.outcome is None else f"always {str(self.outcome).lower()}"


@dataclass(frozen=True)
class Trips:
    """The number of a loop's trips: exactly n → at most n → unknown.

    Example:
        >>> print(Trips("exactly", 3), "→", Trips("exactly", 3).relax(5), "→", Trips("at most", 5).relax(9))
        exactly 3 → at most 5 → unknown
    """

    bound: Literal["exactly", "at most", "unknown"] = "unknown"
    count: int = 0

    @classmethod
    def of(cls, profile: LoopProfile) -> Trips:
        """What a profile suggests."""
        if not profile.runs:
            return cls()
        return cls("at most" if profile.trips is None else "exactly", profile.most)

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        return self.bound == "unknown"

    def admits(self, observed: int) -> bool:
        """Whether the loop may go round so often."""
        if self.bound == "exactly":
            return observed == self.count
        return self.bound == "unknown" or observed <= self.count

    def relax(self, observed: int) -> Trips:
        """Admits this trip count too."""
        if self.admits(observed):
            return self
        return Trips("at most", max(self.count, observed)) if self.bound == "exactly" else Trips()

    def __str__(self) -> str:
        return self.bound if self.is_top else f"{self.bound} {self.count}"


@dataclass(frozen=True)
class Scalar:
    """A Python scalar: its value → its type → unknown.

    `value` is compared with its type, and floats as the values that they are: 1 is not True, 0.0 is not -0.0, and a NaN
    is like another.

    Example:
        >>> print(Scalar.exactly(1), "→", Scalar.exactly(1).relax(2), "→", Scalar.exactly(1).relax(2).relax(1.5))
        1 → int → unknown
    """

    type: type | None = None
    value: Any = None
    has_value: bool = False

    @classmethod
    def exactly(cls, value: Any) -> Scalar:
        """Assumes a value."""
        return cls(type(value), value, True)

    @classmethod
    def of(cls, profile: VariableProfile) -> Scalar:
        """What a profile suggests."""
        values = profile.values
        if not values:
            return cls()
        scalar = cls.exactly(values[0])
        for value in values[1:]:
            scalar = scalar.relax(value)
        return scalar

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        return self.type is None

    def admits(self, observed: Any) -> bool:
        """Whether the value may be this one."""
        if self.type is None:
            return True
        if type(observed) is not self.type:
            return False
        # `repr` tells the floats that `==` does not: 0.0 and -0.0; and one NaN is as good as another.
        return not self.has_value or repr(observed) == repr(self.value)

    def relax(self, observed: Any) -> Scalar:
        """Admits this value too."""
        if self.admits(observed):
            return self
        return Scalar(self.type) if type(observed) is self.type else Scalar()

    def __str__(self) -> str:
        if self.type is None:
            return "unknown"
        return repr(self.value) if self.has_value else self.type.__name__


@dataclass(frozen=True)
class Shape:
    """An array's shape: exact → some dimensions free (None) → its rank (all free) → unknown.

    Example:
        >>> print(Shape((8, 3)), "→", Shape((8, 3)).relax((5, 3)), "→", Shape((8, 3)).relax((5, 3, 1)))
        (8, 3) → (*, 3) → unknown
    """

    dims: tuple[int | None, ...] | None = None

    @classmethod
    def of(cls, profile: VariableProfile) -> Shape:
        """What a profile suggests."""
        shapes = [look.shape for look in profile.seen if look.shape is not None]
        if not shapes or profile.more or len(shapes) < len(profile.seen):
            return cls()
        shape = cls(shapes[0])
        for other in shapes[1:]:
            shape = shape.relax(other)
        return shape

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        return self.dims is None

    def admits(self, observed: tuple[int, ...]) -> bool:
        """Whether an array may have this shape."""
        if self.dims is None:
            return True
        if len(self.dims) != len(observed):
            return False
        return all(dim is None or dim == seen for dim, seen in zip(self.dims, observed, strict=True))

    def relax(self, observed: tuple[int, ...]) -> Shape:
        """Admits this shape too."""
        if self.dims is None or len(self.dims) != len(observed):
            return Shape()
        return Shape(tuple(dim if dim == seen else None for dim, seen in zip(self.dims, observed, strict=True)))

    def __str__(self) -> str:
        if self.dims is None:
            return "unknown"
        dims = ["*" if dim is None else str(dim) for dim in self.dims]
        return f"({', '.join(dims)}{',' if len(dims) == 1 else ''})"


@dataclass(frozen=True)
class Callee:
    """What a call reaches: one function → the functions of one class → unknown.

    The class of a method is that of its object; of a callable object, its own; of a plain function, `function`. Nothing
    of the user's is kept alive.
    """

    function: weakref.ref[Any] | None = None
    owner: weakref.ref[type] | None = None

    @classmethod
    def exactly(cls, target: Any) -> Callee:
        """Assumes a callee."""
        return cls(*references(target))

    @classmethod
    def of(cls, profile: CallProfile) -> Callee:
        """What a profile suggests: its one target, or nothing."""
        target = profile.stable
        return cls() if target is None or target.ref is None else cls(target.ref, target.owner)

    @property
    def is_top(self) -> bool:
        """Whether nothing is assumed."""
        return self.owner is None

    def admits(self, observed: Any) -> bool:
        """Whether the call may reach this."""
        if self.function is not None:
            return self.function() is _function_of(observed)
        return self.owner is None or self.owner() is _owner_of(observed)

    def relax(self, observed: Any) -> Callee:
        """Admits this callee too."""
        if self.admits(observed):
            return self
        if self.function is not None and self.owner is not None and self.owner() is _owner_of(observed):
            return Callee(None, self.owner)
        return Callee()

    def __str__(self) -> str:
        if self.owner is None:
            return "unknown"
        named = self.owner() if self.function is None else self.function()
        return getattr(named, "__qualname__", "a function that is gone")


def references(target: Any) -> tuple[weakref.ref[Any] | None, weakref.ref[type]]:
    """Weak references to the function that a callable stands for, where there can be one, and to its class."""
    try:
        function = weakref.ref(_function_of(target))
    except TypeError:
        function = None
    return function, weakref.ref(_owner_of(target))


def _function_of(target: Any) -> Any:
    if isinstance(target, functools.partial):
        return _function_of(target.func)
    return target.__func__ if isinstance(target, types.MethodType) else target


def _owner_of(target: Any) -> type:
    if isinstance(target, functools.partial):
        return _owner_of(target.func)
    return type(target.__self__) if isinstance(target, types.MethodType) else type(target)
