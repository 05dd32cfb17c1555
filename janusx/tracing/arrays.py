"""NumPy arrays that a function writes in place, while it is traced.

A symbolic array stands for a place in memory: that of an array of the user's (or a view of one), or that of an array
that the function has made. What is in that memory at a moment of the trace is an expression: before the first write the
array itself, after each write a copy that has it. So what is read after a write is computed from such a copy, by NumPy;
the user's own array is written to once, at commit, where the writes are held in order with every other effect. An array
that the function has made leaves as the last of those copies.

What cannot be told in this way is refused (`Unstageable`): then the statement is cut, and Python runs it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from janusx.signals import Unstageable
from janusx.state import arrays, symbols
from janusx.state.arrays import AugmentItem, Changed, Named, Out, Write
from janusx.state.exprs import Apply, Constant, Device, Expr, Input
from janusx.tracing.effects import Effect, Trips, evaluate

_ITSELF = (np.asarray, np.asanyarray, np.ascontiguousarray, np.atleast_1d, np.atleast_2d, np.atleast_3d)
"""Functions that give the very array that they were given, if it is as asked for."""

_ANEW = (np.array, np.copy, np.asarray)
"""Functions that make an array of what is none."""


class Memory:
    """What a symbolic array's numbers lie in.

    Attributes:
        address: the expression of the whole as it is before the first write.
        value: likewise the array that it is while tracing; unknown for one that is made after the run.
        real: whether it belongs to an object that there was before the call.
        scope: the region in which it was made.
        expr: the expression of what it holds now.
        content: what it holds now, if that is known.
        version: how many writes there were.
        why: why it cannot be read.
    """

    __slots__ = ("address", "content", "expr", "path", "real", "scope", "sym", "value", "version", "why")

    def __init__(self, sym: Any, real: bool, scope: Any):
        self.sym = sym
        self.address = self.expr = sym._jx_expr
        self.value = self.content = sym._jx_value
        self.path = sym._jx_expr.path if real else None
        self.real = real
        self.scope = scope
        self.version = 0
        self.why = ""

    def state(self) -> tuple[Any, ...]:
        """What a region's end puts back."""
        return self.expr, self.content, self.version, self.why


class Arrays:
    """The NumPy arrays of one trace."""

    def __init__(self, trace: Any):
        self._trace = trace
        self._of: dict[int, tuple[Any, Memory | None]] = {}  # by id of the symbolic value, which stays alive
        self._real: dict[int, Memory] = {}  # by id of the user's array
        self._made: list[Memory] = []
        self._foreign: list[Any] = []  # arrays taken out of containers: whose they are is not known
        self._lost: list[tuple[Any, Memory]] = []  # arrays that may be views, at places that only the run knows
        self._scopes: list[object] = [object()]
        self._born: dict[int, object] = {}  # by id of the symbolic value: in which region an array was made
        self.reads: list[Memory] = []  # in order, so that a loop knows what its body reads
        self.written: dict[int, Memory] = {}  # the user's arrays that are written to, in any region

    # --- reading --------------------------------------------------------------------------------------------------

    def memory(self, sym: Any) -> Memory | None:
        """Where a symbolic array lies; None if that is not known, or nothing can change it."""
        known = self._of.get(id(sym))
        if known is not None and known[0] is sym:
            return known[1]
        if not symbols.is_sym(sym) or not isinstance(sym._jx_expr, Input) or type(sym._jx_value) is not np.ndarray:
            return None
        root = self._root(sym)
        if id(root._jx_value) not in self._real:
            self._real[id(root._jx_value)] = Memory(root, True, self._scopes[0])
        self._of[id(sym)] = (sym, self._real[id(root._jx_value)])
        return self._of[id(sym)][1]

    def _root(self, sym: Any) -> Any:
        """The largest of the user's arrays in whose memory one of them lies: it may be itself."""
        found = sym
        for node in self._trace.shadow.hosts:
            if type(node.value) is np.ndarray and node.value is not found._jx_value:
                wider = node.value.nbytes > found._jx_value.nbytes
                if wider and arrays.is_dense(node.value) and arrays.lies_in(sym._jx_value, node.value):
                    found = symbols.Sym(Input(node.path), node.value)
        return found

    def _inputs(self) -> list[Any]:
        """The user's arrays that were reached."""
        return [node for node in self._trace.shadow.hosts if type(node.value) is np.ndarray]

    def now(self, sym: Any) -> tuple[Expr, Any]:
        """The expression of what a symbolic array holds now, and its value."""
        memory = self.memory(sym)
        if memory is None:
            return sym._jx_expr, sym._jx_value
        if memory.real:
            self.reads.append(memory)
        if memory.version == 0:
            return sym._jx_expr, sym._jx_value
        if memory.why:
            raise Unstageable(memory.why)
        if sym._jx_expr == memory.address or sym is memory.sym:
            return memory.expr, memory.content
        expr = Apply(arrays.relocated, (memory.expr, memory.address, sym._jx_expr))
        if memory.content is symbols.UNKNOWN:
            return expr, symbols.UNKNOWN
        return expr, arrays.relocated(memory.content, memory.value, sym._jx_value)

    def leaving(self, sym: Any) -> Memory | None:
        """Where a symbolic array that leaves a region lies. Every trip of a loop makes arrays of its own."""
        if self._trace.rolling and id(sym) in self._born and self._born[id(sym)] not in self._scopes[:-1]:
            raise Unstageable("a NumPy array that is made in a loop leaves it")
        return self.memory(sym)

    def kept(self, sym: Any) -> Any:
        """What a symbolic array holds now, as a value that no write changes."""
        if symbols.is_sym(sym) and sym._jx_kind is np.ndarray and self.memory(sym) is not None:
            expr, value = self.now(sym)
            return self._fixed(symbols.Sym(expr, value, np.ndarray, sample=sym._jx_value))
        return sym

    def copied(self, sym: Any) -> Any:
        """Likewise a copy, for those who look at it when all is written."""
        if symbols.is_sym(sym) and sym._jx_kind is np.ndarray and self.memory(sym) is not None:
            expr, value = self.now(sym)
            copy = value if value is symbols.UNKNOWN else np.array(value)
            return self._fixed(symbols.Sym(Apply(np.array, (expr,)), copy, np.ndarray, sample=sym._jx_value))
        return sym

    def _fixed(self, sym: Any) -> Any:
        self._of[id(sym)] = (sym, None)
        return sym

    # --- arrays that functions give -----------------------------------------------------------------------------------

    def view(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any | None:
        """What a function gives, if that is a view of a symbolic array among its arguments: it lies in its memory."""
        if isinstance(function, np.ufunc):
            return None
        for place, arg in enumerate(args):
            memory = self.memory(arg) if symbols.is_sym(arg) else None
            if memory is None or arg._jx_value is symbols.UNKNOWN:
                continue
            others = (*args[:place], *args[place + 1 :], *kwargs.values())
            if any(map(symbols.unknown, others)):
                continue
            if function in _ITSELF and len(args) == 1 and not kwargs and function(arg._jx_value) is arg._jx_value:
                return arg
            value = _tried(function, args, kwargs, place)
            if type(value) is not np.ndarray or not value.size or not arrays.overlap(value, memory.value):
                continue
            exprs = tuple(arg._jx_expr if i == place else symbols.expr_of(each) for i, each in enumerate(args))
            named = tuple((name, symbols.expr_of(kwargs[name])) for name in kwargs)
            found = symbols.Sym(Apply(function, exprs, named), value)
            self._of[id(found)] = (found, memory)
            self._born[id(found)] = self._scopes[-1]
            return found
        return None

    def made(self, sym: Any, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Take note of an array that a function gave and that is no view of one argument."""
        if sym._jx_value is symbols.UNKNOWN:
            self._made_later(sym, function, args)
            return
        whole = [*args, *kwargs.values()]
        if any(arrays.overlap(sym._jx_value, other) for other in arrays.arrays_in(list(map(symbols.value_of, whole)))):
            for memory in self._memories():
                if memory.version and any(arrays.overlap(sym._jx_value, each) for each in memory_values(memory)):
                    raise Unstageable("a part of a NumPy array is taken that the call has written to")
            self._foreign.append(sym)
            self._born[id(sym)] = self._scopes[-1]
            self._fixed(sym)
            return
        self._make(sym)

    def _made_later(self, sym: Any, function: Callable[..., Any], args: Sequence[Any]) -> None:
        if isinstance(function, np.ufunc) or function in _ANEW or function in _ARITHMETIC:
            if function is not np.asarray:
                self._make(sym)
            return
        for arg in args:
            memory = self.memory(arg) if symbols.is_sym(arg) else None
            if memory is not None:
                if memory.version:
                    raise Unstageable("a part of a NumPy array that only the run knows is taken after a write to it")
                self._lost.append((sym, memory))

    def _make(self, sym: Any) -> None:
        memory = Memory(sym, False, self._scopes[-1])
        self._made.append(memory)
        self._born[id(sym)] = self._scopes[-1]
        self._of[id(sym)] = (sym, memory)

    def _memories(self) -> list[Memory]:
        return [*self._real.values(), *self._made]

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, target: Any, write: Write, args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> None:
        """Write to a symbolic array."""
        memory = self.memory(target)
        if memory is None:
            raise Unstageable("a NumPy array is written to that may lie in another's memory")
        self._check(memory)
        write, args = self._augmented(target, write, args)
        given = tuple(map(self._kept, args))
        named = {name: self._kept(value) for name, value in (kwargs or {}).items()}
        if memory.real:
            self._trace.say(Effect(write, (target, *given), named))
        elif memory.scope is not self._scopes[-1]:
            raise Unstageable("a NumPy array made outside of a staged region is written to in it")
        else:
            self._advance(memory, target, write, given, named)
            if memory.why:
                raise Unstageable(memory.why)
            # Whether or not anybody reads it, what NumPy raises is raised.
            evaluate(self._trace, self._fixed(symbols.Sym(memory.expr, memory.content, np.ndarray)))

    def _augmented(self, target: Any, write: Write, args: Sequence[Any]) -> tuple[Write, Sequence[Any]]:
        """`a[0] = a[0] + 1` as one write, so that its expression has what the array held once and not twice."""
        value: Any = args[-1] if write is arrays.SET_ITEM else None
        if not symbols.is_sym(value) or type(value._jx_expr) is not Apply:
            return write, args
        function, parts = value._jx_expr.function, value._jx_expr.args
        if function not in _ARITHMETIC or len(parts) != 2 or type(parts[0]) is not Apply:
            return write, args
        item, other = parts
        mark, memory = len(self.reads), self.memory(target)
        held = None if memory is None or memory.why else self.now(target)[0]
        del self.reads[mark:]
        if item.function is not operator.getitem or not arrays.is_one(item.args[0], held):
            return write, args
        if item.args[1] != symbols.expr_of(args[0]) or not isinstance(other, Constant):
            return write, args
        return Write(AugmentItem(function), at_key=True), (args[0], other.value)

    def update(self, target: Any, key: Any, function: Callable[..., Any], operand: Callable[[], Any]) -> None:
        """`target[key] += operand()`, for any operator."""
        memory = self.memory(target)
        version = 0 if memory is None else memory.version
        other = operand()
        if memory is not None and memory.version != version:
            raise Unstageable("an item of a NumPy array is changed by what is to be added to it")
        self.write(target, Write(AugmentItem(function), at_key=True), (key, other))

    def call_out(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """A function with `out=`: returns the array that it writes to."""
        count = function.nin if isinstance(function, np.ufunc) else len(args)
        rest = {name: value for name, value in kwargs.items() if name != "out"}
        out = kwargs["out"] if kwargs.get("out") is not None else args[count:]
        if type(out) is tuple and len(out) == 1:
            out = out[0]
        if not symbols.is_sym(out) or self.memory(out) is None:
            raise Unstageable(f"{getattr(function, '__name__', function)} writes to an array of the host")
        places = tuple(i for i, arg in enumerate(args[:count]) if arg is out)
        self.write(out, Write(Out(function, places)), [arg for arg in args[:count] if arg is not out], rest)
        return out

    def method(self, target: Any, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Whether a method of an array is one that writes to it: then it is done."""
        if name in arrays.REFUSED_METHODS:
            raise Unstageable(f"`{name}` of a NumPy array")
        if name in arrays.WRITING_METHODS:
            self.write(target, Write(Named(name)), args, kwargs)
            return True
        return False

    def said(self, effect: Effect | Trips) -> None:
        """An effect is held: if it is a write, the array holds something else from now on."""
        if isinstance(effect, Trips):
            for write in writes_in(effect):
                memory = self._target(write)
                memory.version += 1
                memory.why = "a NumPy array is read after a loop of the program has written to it"
            return
        if type(effect.function) is Write:
            target, *args = effect.args
            self._advance(self._target(effect), target, effect.function, args, effect.kwargs, effect.when)

    def _target(self, effect: Effect) -> Memory:
        memory = self.memory(effect.args[0])
        assert memory is not None
        self.written[id(memory)] = memory
        return memory

    def _check(self, memory: Memory) -> None:
        if any(known is memory for _, known in self._lost):
            raise Unstageable("a NumPy array is written to of which a part is held that only the run knows")
        if memory.value is symbols.UNKNOWN:
            return
        if not arrays.is_dense(memory.value):
            raise Unstageable("a NumPy array is written to that is not contiguous, or holds objects")
        known = self._inputs() if memory.real else []
        whose = [(self.memory(symbols.Sym(Input(node.path), node.value)), node.value) for node in known]
        if any(owner is memory and not value.flags.writeable for owner, value in whose):
            raise Unstageable("a NumPy array is written to that is read-only")
        others = [value for owner, value in whose if owner is not memory]
        others += [sym._jx_value for sym in self._foreign]
        if any(arrays.overlap(other, each) for other in others for each in memory_values(memory)):
            raise Unstageable("a NumPy array is written to that shares memory with another")

    def _advance(
        self, memory: Memory, target: Any, write: Write, args: Sequence[Any], kwargs: dict[str, Any], when: Any = None
    ) -> None:
        """Another version of what an array holds. What NumPy raises is raised now, if all is known."""
        memory.version += 1
        if memory.why:
            return
        if memory.value is not symbols.UNKNOWN and memory.value.nbytes > arrays.LARGEST_COPY:
            memory.why = "a large NumPy array is read that the call has written to"
            return
        whole = target is memory.sym or target._jx_expr == memory.address
        changed = Changed(write, whole, when is not None, tuple(kwargs))
        places = () if whole else (memory.address, target._jx_expr)
        decided = () if when is None else (Device(when, bool),)
        given = (*args, *kwargs.values())
        expr = Apply(changed, (*decided, memory.expr, *places, *map(symbols.expr_of, given)))
        if arrays.size(expr) > arrays.MAX_SIZE:
            memory.why = "a NumPy array is read that the call has written to many times"
            return
        if when is None and memory.content is not symbols.UNKNOWN and not any(map(symbols.unknown, given)):
            parts = () if whole else (memory.value, target._jx_value)
            with arrays.quiet():
                memory.content = changed(memory.content, *parts, *map(symbols.value_of, given))
        else:
            memory.content = symbols.UNKNOWN
        memory.expr = expr

    def _kept(self, value: Any) -> Any:
        """An argument of a write as it is now."""
        if symbols.is_sym(value):
            return self.kept(value)
        if symbols.is_array(value):
            return self._input(value)
        if type(value) is np.ndarray:
            return value.copy()
        if type(value) in (list, tuple):
            return type(value)(map(self._kept, value))
        if type(value) is slice and _is_symbolic(value):
            bounds = tuple(map(self._kept, (value.start, value.stop, value.step)))
            known = not any(map(symbols.unknown, bounds))
            now = slice(*map(symbols.value_of, bounds)) if known else symbols.UNKNOWN
            return symbols.Sym(Apply(slice, tuple(map(symbols.expr_of, bounds))), now, slice)
        return value

    def _input(self, array: Any) -> Any:
        """An array that the call was given is known before the run, like any value of the host's."""
        for node, declared in zip(self._trace.shadow.leaves, self._trace.inputs.leaves, strict=False):
            if declared is array and not jax.numpy.issubdtype(node.value.dtype, jax.dtypes.extended):
                return symbols.Sym(Input(node.path), node.value)
        return array

    # --- regions and the end ----------------------------------------------------------------------------------------

    @contextmanager
    def scope(self) -> Iterator[None]:
        """A region: what it writes to the user's arrays counts once its effects are held outside."""
        before = [(memory, memory.state()) for memory in self._memories()]
        self._scopes.append(object())
        try:
            yield
        finally:
            self._scopes.pop()
            for memory in self._real.values():
                memory.expr, memory.content, memory.version, memory.why = memory.address, memory.value, 0, ""
            for memory, state in before:
                memory.expr, memory.content, memory.version, memory.why = state

    def check_loop(self, effects: Sequence[Effect | Trips], start: int) -> None:
        """A trip that reads an array would have to see what those before it wrote."""
        targets = {id(self.memory(write.args[0])) for effect in effects for write in writes_in(effect)}
        if any(id(memory) in targets for memory in self.reads[start:]):
            raise Unstageable("a NumPy array that is written to in the loop is also read in it")

    def is_same(self, one: Any, other: Any) -> bool:
        """Whether two symbolic values of one expression are one: arrays that a function made are so by themselves."""
        memories = [self.memory(each) for each in (one, other)]
        return one is other or all(memory is None or memory.real or not memory.version for memory in memories)

    def guards(self) -> Iterator[tuple[Expr, Any]]:
        """What is taken for granted of how arrays lie in memory, where some are written to."""
        if not self.written:
            return
        syms = [symbols.Sym(Input(node.path), node.value) for node in self._inputs()]
        owners = [self.memory(sym) for sym in syms] + [None] * len(self._foreign)
        whole = [sym._jx_value for sym in [*syms, *self._foreign]]
        groups = [place if owner is None else owners.index(owner) for place, owner in enumerate(owners)]
        written = [place for place, owner in enumerate(owners) if id(owner) in self.written]
        arrangement = arrays.arrangement(whole, groups, written)
        if not arrangement(*whole):
            raise Unstageable("a NumPy array is written to that shares memory with another")
        yield Apply(arrangement, tuple(sym._jx_expr for sym in [*syms, *self._foreign])), True

    def place(self, sym: Any) -> str:
        """Whose a symbolic array is, for messages."""
        memory = self.memory(sym)
        return "a NumPy array" if memory is None else str(memory.path)

    def paths(self) -> tuple[str, ...]:
        """The user's arrays that are written to, for reports."""
        return tuple(f"{memory.path} (in place)" for memory in self.written.values())

    def base(self, sym: Any) -> Any | None:
        """The array that the function made of which a symbolic array is a part, once that was written to."""
        memory = self.memory(sym)
        if memory is None or memory.real or not memory.version or sym is memory.sym:
            return None
        return memory.sym

    def is_kept(self, sym: Any) -> bool:
        """Whether it is what an array held at a moment, to be looked at and not to be handed on."""
        known = self._of.get(id(sym))
        return known is not None and known[0] is sym and known[1] is None and not any(x is sym for x in self._foreign)

    def object_of(self, sym: Any) -> Any:
        """The expression of the array that leaves the function: the user's own, or what the last write left."""
        memory = self.memory(sym)
        if memory is not None and not memory.real:
            return self.now(sym)[0]
        if any(each is sym for each in self._foreign) and arrays.is_changed(sym._jx_expr):
            raise Unstageable("a part of a NumPy array leaves that the call has written to")
        return sym._jx_expr

    def as_input(self, expr: Expr, value: Any) -> Expr:
        """The expression of an input: a copy, if commit writes to its memory while the program may still read it."""
        if type(value) is np.ndarray and self._touches(expr):
            return Apply(np.array, (expr,))
        return expr

    def _touches(self, expr: Any) -> bool:
        if isinstance(expr, Input):
            return any(node.path == expr.path for node in self._inputs() if self._is_written(node))
        if isinstance(expr, Apply):
            return type(expr.function) is not Changed and any(map(self._touches, expr.args))
        return False

    def _is_written(self, node: Any) -> bool:
        return id(self.memory(symbols.Sym(Input(node.path), node.value))) in self.written


_ARITHMETIC = tuple(
    getattr(operator, name)
    for name in "add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift neg abs invert".split()
)


def refuse_writes(effects: Sequence[Effect | Trips]) -> None:
    """A library's own trace may run a function once for many calls: what that writes has no time."""
    if any(True for effect in effects for _ in writes_in(effect)):
        raise Unstageable("a NumPy array is written to in a function that a library traces")


def writes_in(effect: Effect | Trips) -> Iterator[Effect]:
    """The writes to NumPy arrays among effects."""
    if isinstance(effect, Trips):
        for inner in effect.effects:
            yield from writes_in(inner)
    elif type(effect.function) is Write:
        yield effect


def memory_values(memory: Memory) -> list[Any]:
    """The arrays that a memory was and is, as far as they are known."""
    return [value for value in (memory.value, memory.content) if value is not symbols.UNKNOWN]


def _is_symbolic(value: slice) -> bool:
    bounds = (value.start, value.stop, value.step)
    return any(symbols.is_sym(bound) or symbols.is_array(bound) for bound in bounds)


def _tried(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], place: int) -> Any:
    """What a function gives for an array where it lies; None if it raises, which it will again."""
    values = [each._jx_value if i == place else symbols.value_of(each) for i, each in enumerate(args)]
    named = {name: symbols.read_only(symbols.value_of(value)) for name, value in kwargs.items()}
    try:
        with np.errstate(all="ignore"):
            return function(*map(symbols.read_only, values), **named)
    except Exception:  # whatever it is, the function's own call says so
        return None
