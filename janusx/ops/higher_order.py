"""JAX's own transforms called in user code: the function inside may mutate, guard and print, and none of it leaks.

Writes, guards and aux values leave the transform as auxiliary outputs. (Plain JAX leaks tracers here.)
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import io_callback

from janusx import emitted, leaves
from janusx.guards.staged import Assumption
from janusx.ops import custom_rules
from janusx.ops.confined import changes_once, once
from janusx.ops.made_outside import remade
from janusx.signals import Unstageable, Unsupported
from janusx.state.paths import Step
from janusx.tracing import context, methods
from janusx.tracing.arrays import refuse_writes
from janusx.tracing.effects import Effect, Trips, only_appends
from janusx.tracing.heap import Heap, Held
from janusx.tracing.skeleton import Skeleton, flatten, specs, unflatten
from janusx.tracing.staging import closure_of
from janusx.tracing.trace import Trace
from janusx.tracing.wrapped import Wrapped

NAMES = frozenset("grad value_and_grad jacfwd jacrev hessian jvp vjp linearize vmap jit checkpoint remat".split())


class Scope:
    """Runs a function inside a transform, and carries what it did out of it."""

    def __init__(self, trace: Trace, roots: Sequence[Any], *around: str):
        self.trace = trace
        self.around = around
        self.heap = Heap(trace, roots)
        self.aux: Skeleton | None = None
        self.writes: list[tuple[Held, tuple[Step, ...], dict[Step, Skeleton]]] = []
        self.effects: list[tuple[Effect | Trips, Skeleton]] = []
        self.assumptions: tuple[Assumption, ...] = ()

    def run(
        self, function: Callable[..., Any], args: Any, kwargs: Any, has_aux: bool
    ) -> tuple[Any, list[Any], list[Any]]:
        """Call the function; returns its value, the leaves that leave the scope, and its checks."""
        self.trace.refresh()
        outside = len(self.trace.around)
        self.trace.around += self.around
        out: list[Any] = []
        try:
            with self.trace.frames.scope() as checks, self.trace.effect_scope() as effects:
                value = function(*args, **kwargs)
                refuse_writes(effects)
                value, aux = value if has_aux else (value, None)
                self.aux = flatten(aux, self.heap, out)
                self.writes = [
                    (
                        written.held,
                        tuple(written.after),
                        {step: flatten(written.after[step], self.heap, out) for step in written.changed},
                    )
                    for written in self.heap.writes()
                ]
                self.effects = [(each, flatten(each.values(), self.heap, out, exact=True)) for each in effects]
                self.assumptions = tuple(check.assumption for check in checks)
                return arrays_of(value), [jnp.asarray(leaf) for leaf in out], [check.holds for check in checks]
        finally:
            del self.trace.around[outside:]
            self.heap.restore()

    def through(self, transform: Callable[[], Any]) -> Any:
        """What a transform gives. What else it has called, the rules of custom derivatives, has run too early."""
        with self.trace.effect_scope() as said:
            result = transform()
        if said or self.heap.writes():
            raise Unsupported("a rule for derivatives changes state, or says something")
        return result

    def leave(self, leaves: Sequence[Any], checks: Sequence[Any]) -> Any:
        """Outside of the transform: do the writes, raise the guards, hold the effects; returns the aux value."""
        rest = iter(leaves)
        assert self.aux is not None
        aux = unflatten(self.aux, rest)
        for held, steps, pieces in self.writes:
            fields = dict(held.fields)
            for step, skeleton in pieces.items():
                fields[step] = unflatten(skeleton, rest)
            held.kind.fill(held.value, [(step, fields[step]) for step in steps])
        for effect, skeleton in self.effects:
            self.trace.say(effect.with_values(unflatten(skeleton, rest)))
        self.trace.frames.bring_out(list(zip(checks, self.assumptions, strict=True)), jnp.all)
        return aux


def arrays_of(value: Any) -> Any:
    """A value with symbolic host values as arrays."""
    from janusx.ops.calls import materialise

    return materialise(value)


def _converted(fun: Any) -> Callable[..., Any]:
    from janusx.ops.calls import call

    return call(fun)


def _roots(fun: Any, args: Any, kwargs: Any) -> list[Any]:
    return [fun, *closure_of(fun), *args, *kwargs.values()]


def _differentiate(transform: Callable[..., Any], with_value: bool, *around: str) -> Callable[..., Any]:
    def make(fun: Any = None, *positional: Any, has_aux: bool = False, **options: Any) -> Any:
        if fun is None:
            return lambda later: make(later, *positional, has_aux=has_aux, **options)
        inner = _converted(fun)

        def run(*args: Any, **kwargs: Any) -> Any:
            scope = Scope(context.current(), _roots(fun, args, kwargs), *around)

            def lifted(*given: Any, **named: Any) -> Any:
                value, out, checks = scope.run(inner, given, named, has_aux)
                return value, (out, checks)

            made = transform(lifted, *positional, has_aux=True, **options)
            named = {name: arrays_of(arg) for name, arg in kwargs.items()}
            each = functools.partial(made, *map(arrays_of, args), **named)
            # A library's own transform writes to objects itself.
            first, second = scope.through(each) if transform.__module__.startswith("jax") else each()
            if with_value:
                (value, (out, checks)), gradients = first, second
                aux = scope.leave(out, checks)
                return ((value, aux) if has_aux else value), gradients
            aux = scope.leave(*second)
            return (first, aux) if has_aux else first

        return Wrapped(run)

    return make


def _pushed(transform: Callable[..., Any], around: str) -> Callable[..., Any]:
    """`jvp`, `vjp` and `linearize`, which take the function and its arguments at once."""

    def run(fun: Any, *given: Any, has_aux: bool = False, **options: Any) -> Any:
        scope = Scope(context.current(), _roots(fun, given, {}), around)
        inner = _converted(fun)

        def lifted(*args: Any) -> Any:
            value, out, checks = scope.run(inner, args, {}, has_aux)
            return value, (out, checks)

        made = functools.partial(transform, lifted, *map(arrays_of, given), has_aux=True, **options)
        value, second, kept = scope.through(made)
        aux = scope.leave(*kept)
        return (value, second, aux) if has_aux else (value, second)

    return run


def _vmap(fun: Any, in_axes: Any = 0, out_axes: Any = 0, **options: Any) -> Any:
    inner = _converted(fun)

    def run(*args: Any, **kwargs: Any) -> Any:
        scope = Scope(context.current(), _roots(fun, args, kwargs), "map")

        def lifted(*given: Any, **named: Any) -> Any:
            value, out, checks = scope.run(inner, given, named, False)
            if any(specs(skeleton) for effect, skeleton in scope.effects if not only_appends(effect)):
                raise Unstageable("a function under vmap prints or logs")
            return value, out, checks

        given = tuple(map(arrays_of, args)), {name: arrays_of(arg) for name, arg in kwargs.items()}

        def mapped(axes: Any) -> Any:
            return jax.vmap(lifted, in_axes, (out_axes, axes, 0), **options)(*given[0], **given[1])

        try:
            value, out, checks = mapped(None)
        except ValueError:  # something that was written depends on the lane
            value, out, checks = mapped(_axes_of_writes(mapped, scope))
        scope.leave(out, checks)
        return value

    return Wrapped(run)


def _axes_of_writes(mapped: Callable[[Any], Any], scope: Scope) -> list[int | None]:
    """For each leaf that leaves a `vmap`, 0 if it has a value for each lane, None if it has one for all."""
    count = len(jax.eval_shape(lambda: mapped(0)[1]))

    def shared(index: int) -> bool:
        axes = [None if i == index else 0 for i in range(count)]
        try:
            jax.eval_shape(lambda: mapped(axes)[1])
        except ValueError:
            return False
        return True

    return [None if shared(index) else 0 for index in range(count)]


def _checkpoint(fun: Any = None, **options: Any) -> Any:
    if fun is None:
        return lambda later: _checkpoint(later, **options)
    inner = _converted(fun)

    def run(*args: Any, **kwargs: Any) -> Any:
        scope = Scope(context.current(), _roots(fun, args, kwargs))
        made = jax.checkpoint(lambda *given, **named: scope.run(inner, given, named, False), **options)
        value, out, checks = made(*map(arrays_of, args), **{name: arrays_of(arg) for name, arg in kwargs.items()})
        kept = [skeleton for effect, skeleton in scope.effects if only_appends(effect)]
        kept += [skeleton for _, _, pieces in scope.writes for skeleton in pieces.values()]
        said = any(not only_appends(effect) for effect, _ in scope.effects)
        changes_once(fun, said, bool(kept), any(map(specs, kept)))
        scope.leave(out, checks)
        return value

    return Wrapped(run)


def _jit(fun: Any = None, *, static_argnums: Any = None, static_argnames: Any = None, **options: Any) -> Any:
    """`jax.jit` in converted code: part of the program, so the function simply runs; scalars come out as arrays."""
    if fun is None:
        return lambda later: _jit(later, static_argnums=static_argnums, static_argnames=static_argnames, **options)
    inner = once(fun, _converted(fun))
    return Wrapped(lambda *args, **kwargs: jax.tree.map(_as_jit_returns, arrays_of(inner(*args, **kwargs))))


def _library_jit(fun: Any = None, **options: Any) -> Any:
    """The `jit` of a library that carries state out of what it traces."""
    if fun is None:
        return lambda later: _library_jit(later, **options)
    inner = _converted(fun)
    return Wrapped(lambda *args, **kwargs: jax.tree.map(_as_jit_returns, arrays_of(inner(*args, **kwargs))))


def _as_jit_returns(value: Any) -> Any:
    return jnp.asarray(value) if isinstance(value, bool | int | float | complex) else value


def handler(fn: Any) -> Callable[..., Any] | None:
    """What runs in place of a transform that takes a function."""
    if isinstance(fn, types.FunctionType) and fn in _CALLBACKS:
        return _callback(fn)
    name = getattr(fn, "__name__", "")
    module = getattr(fn, "__module__", "") or ""
    package = module.partition(".")[0]
    if package == "jax" and name in NAMES and getattr(jax, name, None) is fn:
        return _TABLE[name]
    if package == "flax" and module.startswith("flax.nnx") and name in ("grad", "value_and_grad"):
        return _differentiate(fn, name == "value_and_grad", "reverse")
    if package == "flax" and module.startswith("flax.nnx") and name == "jit":
        return _library_jit
    if package == "equinox" and name in ("filter_grad", "filter_value_and_grad"):
        return _differentiate(fn, name == "filter_value_and_grad", "reverse")
    if package == "equinox" and name == "filter_jit":
        return _library_jit
    return None


_CALLBACKS = (jax.debug.callback, jax.debug.print, jax.pure_callback, io_callback)
_TABLE: dict[str, Callable[..., Any]] = {
    "grad": _differentiate(jax.grad, False, "reverse"),
    "value_and_grad": _differentiate(jax.value_and_grad, True, "reverse"),
    "jacfwd": _differentiate(jax.jacfwd, False, "forward"),
    "jacrev": _differentiate(jax.jacrev, False, "reverse"),
    "hessian": _differentiate(jax.hessian, False, "reverse", "forward"),
    "jvp": _pushed(jax.jvp, "forward"),
    "vjp": _pushed(jax.vjp, "reverse"),
    "linearize": _pushed(jax.linearize, "reverse"),
    "vmap": _vmap,
    "jit": _jit,
    "checkpoint": _checkpoint,
    "remat": _checkpoint,
}


def _callback(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A call back to Python while the program runs: it is the user's own function that runs, on the user's objects."""

    def run(callback: Any, /, *args: Any, **kwargs: Any) -> Any:
        trace = context.current()
        if fn is not jax.pure_callback:
            trace.call_back()
        own = callback if fn is jax.debug.print else _real(trace, callback)
        return fn(own, *map(arrays_of, args), **{name: arrays_of(arg) for name, arg in kwargs.items()})

    return run


def _real(trace: Trace, callback: Any) -> Any:
    """What the user gave for a callback, of which the program sees a copy."""
    node = trace.shadow.by_shadow.get(id(callback))
    if node is not None:
        return node.real
    if isinstance(callback, types.MethodType):
        return types.MethodType(callback.__func__, _real(trace, callback.__self__))
    if isinstance(callback, functools.partial):
        return functools.partial(_real(trace, callback.func), *callback.args, **callback.keywords)
    callback = methods.original(callback)
    if isinstance(callback, types.FunctionType) and (callback.__closure__ or emitted.is_emitted(callback.__code__)):
        raise Unsupported(f"{callback.__qualname__}, which the program makes, is called back")
    return callback


def made_outside(fn: Any) -> Callable[..., Any] | None:
    """A library's wrapper of a user's function that was made outside of the trace (`grad_fn = jax.grad(loss)`).

    The wrapper is made again over the converted function, so that what the user's function reads is followed.
    """
    from janusx.ops.calls import given_away, leaf_of

    rules = custom_rules.remade(fn, given_away)
    if rules is not None:
        return leaf_of(rules)
    again = remade(fn, _TABLE) if isinstance(fn, types.FunctionType) and fn.__closure__ else None
    if again is not None:
        return again
    wrapped = getattr(fn, "__wrapped__", None)
    if wrapped is None or leaves.is_leaf(wrapped):
        return None
    if (
        isinstance(fn, types.FunctionType)
        and fn.__closure__
        and leaves.is_leaf_module(fn.__globals__.get("__name__", ""))
    ):
        cells = []
        for cell in fn.__closure__:
            try:
                content = cell.cell_contents
            except ValueError:  # an empty cell
                content = None
            cells.append(types.CellType(_converted(wrapped)) if content is wrapped else cell)
        made = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__, tuple(cells))
        made.__kwdefaults__ = fn.__kwdefaults__
        return made
    if not isinstance(fn, types.FunctionType) and type(fn).__module__.startswith("jax") and hasattr(fn, "lower"):
        return _jit(wrapped)  # type: ignore[no-any-return]
    return None
