# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first conversion
#
# Convert a program, run it, ask what was done with it, break something it takes for granted, and look again.
#
# The program is written as one writes Python: an object that changes, a counter, a list of losses, a branch on the
# loss.

# %%
import time

import jax
import jax.numpy as jnp

import janusx


class Regression:
    """A linear model that trains itself and keeps a diary."""

    def __init__(self, features: int) -> None:
        """Start at zero."""
        self.weight = jnp.zeros(features)
        self.rate = 0.1
        self.steps = 0
        self.losses: list[float] = []

    def step(self, x: jax.Array, y: jax.Array) -> jax.Array:
        """One step of gradient descent, more careful while the loss is large."""
        error = x @ self.weight - y
        loss = (error**2).mean()
        if loss > 1.0:
            error = error / jnp.sqrt(loss)
        self.weight = self.weight - self.rate * x.T @ error / len(y)
        self.steps += 1
        self.losses.append(float(loss))
        return loss


# %% [markdown]
# ## Data
#
# 256 points of a known line, with a little noise.

# %%
key_x, key_noise = jax.random.split(jax.random.key(0))
x = jax.random.normal(key_x, (256, 8))
truth = jnp.arange(8.0)
y = x @ truth + 0.01 * jax.random.normal(key_noise, (256,))

# %% [markdown]
# ## Convert and run
#
# Two models of one class: the first trains in plain Python, the second with the converted `step`. `convert` does not
# touch the original.

# %%
fast_step = janusx.convert(Regression.step)


def train(step, model: Regression, steps: int) -> float:
    """Run some steps; seconds a step, after ten that do not count."""
    for _ in range(10):
        step(model, x, y)
    start = time.perf_counter()
    for _ in range(steps - 10):
        step(model, x, y)
    jax.block_until_ready(model.weight)
    return (time.perf_counter() - start) / (steps - 10)


plain, fast = Regression(8), Regression(8)
plain_time = train(Regression.step, plain, 100)
fast_time = train(fast_step, fast, 100)
print(f"plain {1e6 * plain_time:.0f} µs a step, converted {1e6 * fast_time:.0f} µs")
print(f"{plain_time / fast_time:.1f} times faster")

# %% [markdown]
# Faster, and the same: the same weights, the same counter (a Python `int`), the same list of Python floats.

# %%
assert jnp.allclose(plain.weight, fast.weight, atol=1e-5)
assert fast.steps == plain.steps == 100
assert type(fast.steps) is int
assert len(fast.losses) == 100
assert {type(loss) for loss in fast.losses} == {float}
fast.weight.round(2)

# %% [markdown]
# ## What was done with it
#
# `explain` says for every decision in the code what became of it and why, what is guarded, and what is left in Python.

# %%
janusx.explain(fast_step)

# %% [markdown]
# `source` shows the program that was made of the function, in Python.

# %%
print(janusx.source(fast_step))

# %%
before = janusx.stats(fast_step)
before

# %% [markdown]
# ## Break an assumption
#
# The learning rate is an attribute like any other. We change it from outside, in both models. Then we make the program
# see data of another shape. Whatever the compiled program had taken for granted is guarded: the next call notices.

# %%
plain.rate = fast.rate = 0.01
train(Regression.step, plain, 20)
train(fast_step, fast, 20)
assert jnp.allclose(plain.weight, fast.weight, atol=1e-5)

half_plain, half_fast = Regression.step(plain, x[:128], y[:128]), fast_step(fast, x[:128], y[:128])
assert jnp.allclose(half_plain, half_fast, atol=1e-5)

# %% [markdown]
# Even a method can be swapped. A converted function that calls it must not go on using the old one.


# %%
class Scaled:
    """A model whose activation is a method."""

    def act(self, x: jax.Array) -> jax.Array:
        """The first activation."""
        return jnp.tanh(x)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Apply the activation."""
        return self.act(x).sum()


apply = janusx.convert(lambda model, x: model(x))
scaled = Scaled()
first = [float(apply(scaled, x)) for _ in range(5)][-1]
Scaled.act = lambda self, x: jnp.sin(x)
second = float(apply(scaled, x))
assert abs(first - float(jnp.tanh(x).sum())) < 1e-2
assert abs(second - float(jnp.sin(x).sum())) < 1e-2
first, second

# %% [markdown]
# ## Look again
#
# The record shows what the changes cost: entries were added, nothing was answered wrongly.

# %%
after = janusx.stats(fast_step)
print(f"entries {before.entries} -> {after.entries}, recompilations {before.recompilations} -> {after.recompilations}")
assert after.calls == before.calls + 21

# %%
janusx.explain(fast_step)
