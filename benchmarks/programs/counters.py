"""10,000 calls of a program whose Python counters change each time: recompilations and memory growth.

Compilations are counted from outside, through JAX's own monitoring events, so that the figure does not rest on what the
library says of itself. Memory is looked at from two sides: ``tracemalloc`` for what Python holds, the resident set
for everything.
"""

from __future__ import annotations

import gc
import math
import os
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import jax
import jax.monitoring
import jax.numpy as jnp

from benchmarks.columns import convert, statistics
from benchmarks.harness import NotCompiled, Options, Result, bar, reason, wait

TITLE = "10,000 calls with changing Python counters"
CALLS = 10_000
SETTLED = 1_000  # calls after which nothing new may be compiled
PYTHON_GROWTH = 64.0  # KiB that tracemalloc may find more after all calls than after the settled ones
RESIDENT_GROWTH = 8.0  # MiB, over the same calls; allocators breathe


class Trainer:
    """Follows a target, with a learning rate that decays and counters of several kinds."""

    def __init__(self) -> None:
        self.weights = jnp.zeros(8)
        self.step = 0
        self.epoch = 0
        self.lr = 0.5
        self.base_lr = 0.5
        self.seen: dict[str, int] = {"samples": 0}
        self.smallest = math.inf

    def schedule(self) -> float:
        """Learning rate of the present step."""
        return self.base_lr * 0.5 * (1.0 + math.cos(math.pi * min(self.step, CALLS) / CALLS)) + 1e-3

    def train_step(self, target: jax.Array) -> Any:
        """The program."""
        self.lr = self.schedule()
        gradient = self.weights - target
        self.weights = self.weights - self.lr * gradient
        self.step += 1
        self.seen["samples"] += target.shape[0]
        self.smallest = min(self.smallest, self.lr)
        if self.step % 100 == 0:
            self.epoch += 1
        return jnp.sum(gradient**2)


def expert_running() -> Callable[[jax.Array], jax.Array]:
    """The expert's program: counters on the host, one compiled update."""
    trainer = Trainer()

    @jax.jit
    def update(weights: jax.Array, target: jax.Array, lr: float) -> tuple[jax.Array, jax.Array]:
        gradient = weights - target
        return weights - lr * gradient, jnp.sum(gradient**2)

    def step(target: jax.Array) -> Any:
        trainer.lr = trainer.schedule()
        trainer.weights, loss = update(trainer.weights, target, trainer.lr)
        trainer.step += 1
        trainer.seen["samples"] += target.shape[0]
        trainer.smallest = min(trainer.smallest, trainer.lr)
        trainer.epoch += trainer.step % 100 == 0
        return loss

    return step


def resident() -> float:
    """Resident set of this process in MiB; NaN where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return math.nan


def compilations() -> Callable[[], int]:
    """Starts to count what XLA compiles in this process; returns how to read the count."""
    seen: list[str] = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        del duration_secs, kwargs
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return lambda: len(seen)


def watch(step: Callable[[jax.Array], jax.Array], calls: int, settled: int) -> dict[str, Any]:
    """Makes the calls and says what they cost, without tracemalloc first (for time and resident set), then with it."""
    target = jnp.linspace(-1.0, 1.0, 8)
    compiled = compilations()
    found: dict[str, Any] = {}
    start = time.perf_counter()
    _repeat(lambda: step(target), settled)
    gc.collect()
    found |= {"compilations to settle": compiled(), "seconds to settle": time.perf_counter() - start}
    before, since = resident(), time.perf_counter()
    _repeat(lambda: step(target), calls - settled)
    found["microseconds a call"] = (time.perf_counter() - since) / (calls - settled) * 1e6
    gc.collect()
    found["compilations after"] = compiled() - found["compilations to settle"]
    found["resident growth, MiB"] = resident() - before
    found["python growth, KiB"] = _python_growth(lambda: step(target), settled, calls // 2)
    return found


def _repeat(step: Callable[[], jax.Array], calls: int) -> None:
    last = None
    for _ in range(calls):
        last = step()
    wait(last)


def _python_growth(step: Callable[[], jax.Array], settle: int, calls: int) -> float:
    tracemalloc.start()
    try:
        _repeat(step, settle)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        _repeat(step, calls)
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / 1024
    finally:
        tracemalloc.stop()


def _watch_converted(calls: int, settled: int) -> dict[str, Any]:
    trainer, step = Trainer(), convert(Trainer.train_step)
    found = watch(lambda target: step(trainer, target), calls, settled)
    counted = trainer.step, trainer.seen["samples"], trainer.epoch
    made = calls + settled + calls // 2
    if counted != (made, made * 8, made // 100):
        raise AssertionError(f"the counters read {counted} after {made} calls")
    stats = statistics(step)
    if stats["eager"] or stats["mixed"]:
        raise NotCompiled(f"{stats['eager']} calls ran in plain Python, {stats['mixed']} in part")
    return found | {"stats": stats}


def run(options: Options) -> Result:
    """Measures the program."""
    calls, settled = (400, 200) if options.quick else (CALLS, SETTLED)
    figures: dict[str, Any] = {}
    errors: dict[str, str] = {}
    watchers: dict[str, Callable[[], dict[str, Any]]] = {
        "janusx": lambda: _watch_converted(calls, settled),
        "expert": lambda: watch(expert_running(), calls, settled),
    }
    for name, look in watchers.items():
        if options.wants(name):
            try:
                figures[name] = look()
            except Exception as error:
                errors[name] = reason(error)
    ours = figures.get("janusx", {})
    return Result(
        "counters",
        TITLE,
        bars=(
            bar(f"compilations after {settled} calls", "<=", 0.0, ours.get("compilations after")),
            bar("what Python holds grew by", "<=", PYTHON_GROWTH, ours.get("python growth, KiB"), "KiB"),
            bar("resident set grew by", "<=", RESIDENT_GROWTH, ours.get("resident growth, MiB"), "MiB"),
        ),
        figures=figures,
        errors=errors,
        method=f"{calls} calls, judged from call {settled} on; compilations from JAX's monitoring events; what Python "
        "holds by tracemalloc, over half as many calls again",
    )
