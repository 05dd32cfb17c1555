"""From a call to an entry: passes over the function until one is complete, then code generation."""

from __future__ import annotations

import time
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from janusx import logs
from janusx.entry import Entry, EntryInfo
from janusx.guards.channel import Channel
from janusx.guards.checks import checks_of
from janusx.guards.codegen import emit_gather
from janusx.guards.staged import UNLIMITED, Assumption
from janusx.ops.calls import asked_for
from janusx.shardings import Shardings, blame, rebuilt
from janusx.signals import (
    Decides,
    Recursive,
    Relax,
    Respecialise,
    Retrace,
    Structured,
    Unrecursive,
    Unrelax,
    Unscheduled,
    Unsupported,
)
from janusx.state import diff, symbols
from janusx.state.buckets import LENGTH, Bucketed
from janusx.state.chosen import is_awaited
from janusx.state.commit import Commit
from janusx.state.paths import Argument, Keyword, Path, root
from janusx.state.shadow import GROWS, Shadow
from janusx.state.structure import STRUCTURE
from janusx.tracing import context
from janusx.tracing.library_warnings import LibraryWarnings
from janusx.tracing.rewriter import Rewriter
from janusx.tracing.settings import Settings
from janusx.tracing.structures import deciding, too_deep
from janusx.tracing.trace import Inputs, Trace

MAX_PASSES = 24


@dataclass
class Knowledge:
    """What the passes over a function found out. It only grows, until `reset`."""

    relaxed: dict[Path, str] = field(default_factory=dict)
    assumed: dict[tuple[str, int], bool] = field(default_factory=dict)
    flips: dict[tuple[str, int], frozenset[int]] = field(default_factory=dict)
    only: set[tuple[str, int]] = field(default_factory=set)
    exact: set[Path] = field(default_factory=set)
    capacities: dict[tuple[str, int], int] = field(default_factory=dict)
    scheduled: set[types.CodeType] = field(default_factory=set)
    regions: dict[Any, Any] = field(default_factory=dict)
    unscheduled: str = ""
    unbucketed: str = ""  # why arguments are not padded
    recursive: dict[types.CodeType, frozenset[types.CodeType]] = field(default_factory=dict)
    unrolled: dict[types.CodeType, str] = field(default_factory=dict)
    reshaped: list[Path] = field(default_factory=list)  # objects of another layout than a program was made for
    why: dict[tuple[str, int], str] = field(default_factory=dict)  # why sites that are speculated on are not staged

    def pruned(self) -> dict[tuple[str, int], bool]:
        """The sites at which only one side is emitted."""
        return {key: outcome for key, outcome in self.assumed.items() if not self.flips.get(key)}


@dataclass(frozen=True)
class Call:
    """The function to convert, with the arguments of the call that asks for it.

    Attributes:
        fun: the user's function (of a method, the plain function).
        args: positional arguments.
        kwargs: keyword arguments.
        names: the parameters' names for the positional arguments, for messages.
        static: indices and names of arguments that are constants of the program.
        donated: likewise, whose arrays the caller gives up.
        shardings: what the user asked for, if anything.
        bound: indices and names of arguments that `convert` was given with the function.
    """

    fun: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: tuple[str, ...]
    static: frozenset[int | str] = frozenset()
    donated: frozenset[int | str] = frozenset()
    shardings: Shardings | None = None
    bound: frozenset[int | str] = frozenset()

    def gives_up(self, path: Path) -> bool:
        """Whether what is at a path belongs to a donated argument."""
        step = path.root
        return (step.index if isinstance(step, Argument) else getattr(step, "name", None)) in self.donated

    def placed(self) -> dict[int | str, Any]:
        """The arguments that shardings are for, by index or name."""
        return {key: value for _, value, key in self.roots() if key not in self.static and key not in self.bound}

    def roots(self) -> list[tuple[Path, Any, int | str]]:
        """Path, value and index or name of each argument."""
        found: list[tuple[Path, Any, int | str]] = [
            (root(Argument(i, self.names[i])), value, i) for i, value in enumerate(self.args)
        ]
        found += [(root(Keyword(name)), value, name) for name, value in self.kwargs.items()]
        return found


@dataclass
class _Pass:
    """The outcome of one pass, filled in while `jax.jit` traces the flat program."""

    trace: Trace
    commit: Commit
    function: Callable[..., Any]
    commit_source: str
    assumptions: tuple[Assumption, ...]
    found: list[diff.Change]


class Builder:
    """Builds an entry for one call."""

    def __init__(
        self, call: Call, knowledge: Knowledge, settings: Settings, rewriter: Rewriter, call_of: Callable[..., Any]
    ):
        self.call = call
        self.knowledge = knowledge
        self.settings = settings
        self.rewriter = rewriter
        self.call_of = call_of
        self.reached: Shadow | None = None
        self.leaf_values: tuple[Any, ...] = ()
        self.host_inputs: dict[symbols.Expr, Any] = {}
        self.donatable: tuple[int, ...] = ()
        self.may_donate = True
        self.shardings: list[Any] | None = None
        self.channel: Channel | None = None
        self.effects = False
        self.padded = any(type(value) is Bucketed for value in (*call.args, *call.kwargs.values()))
        self.seconds: dict[str, float] = {}

    def build(self, number: int) -> Entry:
        """Make passes until one declared all its inputs and relaxed nothing, and make the entry of that one."""
        self.number = number
        started, rewriting = time.perf_counter(), self.rewriter.seconds
        if self.padded:
            paths = [path / LENGTH for path, value, _ in self.call.roots() if type(value) is Bucketed]
            self.knowledge.relaxed.update(dict.fromkeys(paths, "it is padded to a bucket"))
        self._survey()
        with LibraryWarnings() as warned:
            for _ in range(MAX_PASSES):
                done, program = self._pass()
                if done is not None:
                    break
                warned.drop()
            else:
                raise Unsupported(f"its inputs were not settled after {MAX_PASSES} passes")
            self.seconds["rewrite"] = self.rewriter.seconds - rewriting
            self.seconds["trace"] = time.perf_counter() - started - self.seconds["rewrite"]
            entry = self._entry(done, program, number)
        warned.show(done.trace.real_globals)
        return entry

    def _survey(self) -> None:
        """Look through the arguments, again where a list that was data turns out to have two names."""
        while True:
            try:
                self._count()
                return
            except Unrelax as signal:
                self.knowledge.relaxed.pop(signal.path, None)
                self.knowledge.exact.add(signal.path)
            except Structured as signal:
                self.knowledge.relaxed.update(dict.fromkeys(signal.paths, STRUCTURE))

    def _count(self) -> None:
        """Count the array leaves that the arguments lead to, so that the next pass declares them, in this order."""
        settings = replace(self.settings, relaxed=self.knowledge.relaxed)
        shadow = Shadow(lambda node: node.value, settings.relaxed, settings.container_limit)
        for path, value, key in self.call.roots():
            if key not in self.call.static:
                shadow.add_root(path, value)
        self.reached = shadow
        self.leaf_values = tuple(leaf.value for leaf in shadow.leaves)
        self.donatable = tuple(leaf.index for leaf in shadow.leaves if self.call.gives_up(leaf.path))
        self.rewriter.wrap_leaves = bool(shadow.hosts) or self.padded or self.rewriter.wrap_leaves
        self.rewriter.assumed = self.knowledge.pruned()

    def _pass(self) -> tuple[_Pass | None, Any]:
        box: list[_Pass] = []
        hosts = dict(self.host_inputs)
        exprs = tuple(hosts)  # the program keeps the expressions, not the values
        first = [self]

        def flat(*inputs: Any) -> Any:
            if not first:
                raise Retrace
            builder = first.pop()
            outs, made = builder._trace(inputs, exprs)
            box.append(made)
            return outs

        flat.__name__ = flat.__qualname__ = getattr(self.call.fun, "__name__", "converted")
        program = jax.jit(flat, **self._jit_options(len(exprs)))
        try:
            traced = program.trace(*self.leaf_values, *hosts.values())
        except Respecialise as signal:
            self.knowledge.assumed[signal.key] = signal.outcome
            if signal.only:
                self.knowledge.only.add(signal.key)
            if signal.why:
                self.knowledge.why[signal.key] = signal.why
            self.rewriter.assumed = self.knowledge.pruned()
            return None, None
        except Relax as signal:
            self.knowledge.relaxed[signal.path] = GROWS
            self.rewriter.wrap_leaves = True
            self._survey()
            return None, None
        except Unrelax as signal:
            self.knowledge.relaxed.pop(signal.path, None)
            self.knowledge.exact.add(signal.path)
            self._survey()
            return None, None
        except Structured as signal:
            self.knowledge.relaxed.update(dict.fromkeys(signal.paths, STRUCTURE))
            self._survey()
            return None, None
        except (Decides, Unscheduled) as signal:
            self._schedule(signal)
            return None, None
        except Recursive as signal:
            cycle = signal.cycle.union(*(known for known in self.knowledge.recursive.values() if known & signal.cycle))
            self.knowledge.recursive.update(dict.fromkeys(cycle, cycle))
            return None, None
        except Unrecursive as signal:
            cycle = self.knowledge.recursive[signal.code]
            self.knowledge.unrolled.update(dict.fromkeys(cycle, signal.reason))
            for code in cycle:
                del self.knowledge.recursive[code]
            return None, None
        except RecursionError:
            deep = too_deep(self.reached) if self.reached is not None else ()
            if not deep or self.knowledge.unscheduled:
                raise
            self.knowledge.relaxed.update(dict.fromkeys(deep, STRUCTURE))
            self._survey()
            return None, None
        except Exception as error:
            if self.shardings is not None:
                blame(self.shardings, self.leaf_values, error)
            raise
        made = box.pop()
        # The channel of the guards is a callback, too.
        self.effects = bool(traced.jaxpr.effects) and self.channel is None
        if any(each.is_limit for each in made.assumptions) and (self.effects or self._donated()):
            self.knowledge.assumed[UNLIMITED] = True
            return None, None
        if self.effects and made.assumptions:
            raise Unsupported(
                "a program with callbacks in it is not speculated on: a run that is thrown away has run them"
            )
        if (made.assumptions or made.trace.arrays.written) and self._donated():
            # A run that is thrown away must leave its inputs as they were.
            self.may_donate = False
            return None, None
        if made.trace.incomplete or len(made.trace.shadow.leaves) < len(self.leaf_values):
            self.leaf_values = tuple(leaf.value for leaf in made.trace.shadow.leaves)
            self.host_inputs.update({expr: made.trace.present(expr) for expr in made.trace.inputs.late})
            return None, None
        relaxed = {
            path: why
            for path, why in diff.to_relax(made.found).items()
            if path not in self.knowledge.relaxed and path not in self.knowledge.exact
        }
        if relaxed:
            self.knowledge.relaxed.update(relaxed)
            self.rewriter.wrap_leaves = True
            self._survey()
            return None, None
        return made, program

    def _schedule(self, signal: Decides | Unscheduled) -> None:
        """Have the host walk with one function more; or with none, where that cannot be."""
        knowledge = self.knowledge
        code = deciding(signal) if isinstance(signal, Decides) else None
        if code is not None and code not in knowledge.scheduled:
            knowledge.scheduled.add(code)
            return
        knowledge.unscheduled = signal.reason
        knowledge.scheduled.clear()
        for path in [path for path, why in knowledge.relaxed.items() if why == STRUCTURE]:
            del knowledge.relaxed[path]
        logs.say("eager", "structures are copied: %s", signal.reason)
        self._survey()

    def _donated(self) -> tuple[int, ...]:
        """The inputs whose buffers the caller gives up."""
        return self.donatable if self.may_donate else ()

    def _jit_options(self, hosts: int) -> dict[str, Any]:
        options: dict[str, Any] = {}
        if self._donated():
            options["donate_argnums"] = self._donated()
        if self.call.shardings is not None and self.call.shardings.inputs is not None:
            self.shardings = self.call.shardings.of_inputs(self.call.placed(), self.leaf_values)
            options["in_shardings"] = (*self.shardings, *[None] * hosts)
        return options

    def _trace(self, inputs: tuple[Any, ...], hosts: tuple[symbols.Expr, ...]) -> tuple[Any, _Pass]:
        count = len(inputs) - len(hosts)
        declared = Inputs(inputs[:count], dict(zip(hosts, inputs[count:], strict=True)))
        settings = replace(self.settings, relaxed=self.knowledge.relaxed, assumed=self.knowledge.assumed)
        settings = replace(settings, flips=self.knowledge.flips, only=frozenset(self.knowledge.only))
        settings = replace(settings, exact=frozenset(self.knowledge.exact), capacities=self.knowledge.capacities)
        settings = replace(
            settings,
            scheduled=frozenset(self.knowledge.scheduled),
            regions=self.knowledge.regions,
            unscheduled=self.knowledge.unscheduled,
            recursive=self.knowledge.recursive,
            unrolled=self.knowledge.unrolled,
            again=self.number > 1,
        )
        trace = Trace(declared, settings, self.rewriter, self.call_of)
        try:
            with context.entered(trace):
                args, kwargs = self._arguments(trace)
                trace.structures.reshape(self.knowledge.reshaped)
                result = self._result(trace, args, kwargs)
                found = list(diff.changes(trace.shadow))
                moved = frozenset[int]()
                if self.call.shardings is not None:
                    moved = self.call.shardings.moved(self.call.placed(), self.leaf_values[:count])
                    result = rebuilt(self.call.shardings.constrain(result), [declared.leaves[i] for i in moved])
                packed, assumptions = trace.frames.packed()
                waits = packed is not None or is_awaited(trace, [result, *found], trace.effects)
                commit = Commit(trace.shadow, declared.leaves, frozenset(self._donated()), moved, waits)
                function, source = commit.finish(result, found, trace.effects)
                trace.host_guards += trace.arrays.guards()
        finally:
            trace.unpatch()
        self.channel = Channel() if packed is not None and settings.guards == "callback" else None
        if self.channel is not None:
            self.channel.send(packed)
            packed = None
        outs = [*commit.outs, packed] if packed is not None else commit.outs
        return outs, _Pass(trace, commit, function, source, assumptions, found)

    def _result(self, trace: Trace, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return asked_for(self.call.fun)(*args, **kwargs)
        except Exception as error:
            trace.wrap_leaves(error)
            raise

    def _arguments(self, trace: Trace) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for path, value, key in self.call.roots():
            shadow = trace.shadow.add_static(path, value) if key in self.call.static else trace.add_root(path, value)
            if isinstance(key, int):
                args.append(shadow)
            else:
                kwargs[key] = shadow
        return args, kwargs

    def _entry(self, made: _Pass, program: Any, number: int) -> Entry:
        trace = made.trace
        shape = (len(self.call.args), tuple(self.call.kwargs))
        gather, gather_source = emit_gather(
            trace.shadow,
            trace.anchors,
            shape,
            trace.host_guards,
            tuple(trace.arrays.as_input(expr, value) for expr, value in self.host_inputs.items()),
            made.commit.needs,
            frozenset(change.node.index for change in made.found),
            trace.compares_identity,
            made.commit.gathered,
            [expr for expr in trace.risky if not made.commit.evaluates(expr)],
        )
        info = EntryInfo(
            number=number,
            guards=checks_of(trace.shadow, trace.host_guards, shape),
            reads=tuple(str(node.path) for node in (*trace.shadow.leaves, *trace.shadow.hosts)),
            writes=(*written(made.found, trace.appended), *trace.arrays.paths()),
            gather_source=gather_source,
            commit_source=made.commit_source,
            programs=tuple(trace.programs.values()),
            decisions={
                key: (rung, self.knowledge.why.get(key, reason) if rung == "speculate" else reason)
                for key, (rung, reason) in trace.decisions.items()
            },
            seconds=self.seconds,
        )
        avals = tuple(jax.typeof(value) for value in self.leaf_values)
        constants = tuple(
            (node.path, node.value)
            for node in trace.shadow.constants()
            if isinstance(node.value, bool | int | float | complex)
        )
        return Entry(
            gather,
            program,
            made.function,
            made.assumptions,
            avals,
            bool(avals or made.commit.outs or made.assumptions or self.effects),
            constants,
            tuple(trace.shadow.sizes()),
            trace.anchors,
            info,
            tuple(trace.locks),
            tuple(dict.fromkeys(symbols.owners(self.host_inputs, "record"))),
            self.channel,
            self.effects,
        )


def written(found: Iterable[diff.Change], appended: Iterable[Path]) -> tuple[str, ...]:
    """What a call changes, by path."""
    paths = []
    for change in found:
        paths += [str(change.node.path / step) for step in change.changed]
        paths += [f"{change.node.path / step} (removed)" for step in change.before if step not in change.after]
    return (*paths, *(f"{path} (appended to)" for path in appended))
