"""Observed runs: for real, once, and with notes."""

from __future__ import annotations

import functools
import gc
import inspect
import os
import sys
import traceback
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from janusx import config
from janusx.profiler import Profiles, run_observed
from janusx.sources import find_source, is_emitted

HITS: list = []


def here(fn) -> bool:
    """What a program's own functions are: those of this file."""
    return str(fn.__code__.co_filename) == __file__


def observed(fn, *args, **kwargs):
    """The result and the profiles of one observed run."""
    profiles = Profiles()
    return run_observed(fn, args, kwargs, here, profiles), profiles


def sign(x):
    if x > 0:
        return 1
    return -1


def countdown(n, stop=0):
    while n > stop:
        n -= 1
        if n == 7:
            break
    return n


class Model:
    def __init__(self, scale):
        self.scale = scale
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return self.apply(x) if self.scale else x

    def apply(self, x):
        return x * self.scale

    @staticmethod
    def sign(x):
        return sign(x)

    @classmethod
    def make(cls):
        return cls(2) if cls is Model else cls(3)

    @property
    def double(self):
        return 2 * self.scale if self.scale else 0


class TestBranches:
    def test_count_outcomes_of_python_values(self):
        profiles = Profiles()
        for x in (1, 2, 3):
            assert run_observed(sign, (x,), {}, here, profiles) == 1
        profile = profiles.of(sign)
        assert profile.runs == 3
        assert profile.branch(1).stable is True
        assert str(profile.branch(1)) == "true in 3 of 3 runs"
        assert (profile.branch(1).on_array, profile.branch(1).on_python) == (False, True)
        run_observed(sign, (-1,), {}, here, profiles)
        assert profiles.of(sign).branch(1).stable is None

    def test_tell_arrays(self):
        _, profiles = observed(sign, jnp.ones(()))
        assert profiles.of(sign).branch(1).on_array
        _, profiles = observed(sign, np.ones(()))
        assert not profiles.of(sign).branch(1).on_array

    def test_of_several_parts(self):
        def f(x, y):
            if x > 0 and not y:
                return 1
            return x < y < 3 or y

        _, profiles = observed(f, 1, jnp.zeros(()))
        profile = profiles.of(f)
        assert (profile.branch(1).true, profile.branch(1).false) == (1, 0)
        ands = next(site.id for site in profile.sites if site.kind == "and")
        ors = next(site.id for site in profile.sites if site.kind == "or")
        assert profile.branch(ands).stable is True
        assert not profile.branch(ors).runs
        _, profiles = observed(f, -1, jnp.zeros(()))
        profile = profiles.of(f)
        assert profile.branch(1).stable is False
        assert profile.branch(ands).stable is False
        assert profile.branch(ors).stable is True

    def test_never_reached(self):
        def f(x):
            if x:
                return 1 if x > 2 else 2

        _, profiles = observed(f, 0)
        assert profiles.of(f).branch(2).stable is None
        assert str(profiles.of(f).branch(2)) == "never reached"

    def test_truth_is_asked_for_once(self):
        asked = []

        class Noisy:
            def __bool__(self):
                asked.append(1)
                return True

        def f(x):
            return 1 if x and not x else 2

        observed(f, Noisy())
        once = len(asked)
        f(Noisy())
        assert once == len(asked) - once


class TestLoops:
    def test_count_trips_of_for(self):
        def f(n):
            i = -1
            for i in range(n):
                if i == 5:
                    break
            return i

        profiles = Profiles()
        assert [run_observed(f, (n,), {}, here, profiles) for n in (3, 9, 4)] == [2, 5, 3]
        loop = profiles.of(f).loop(1)
        assert (loop.runs, loop.fewest, loop.most, loop.last, loop.recent) == (3, 3, 6, 4, (3, 6, 4))
        assert loop.iterated == {"range"}
        assert str(loop) == "trips 3..6 over range"

    def test_know_arrays(self):
        def f(xs):
            total = 0
            for x in xs:
                total = total + x
            return total

        _, profiles = observed(f, jnp.ones(3))
        loop = profiles.of(f).loop(1)
        assert loop.on_array
        assert loop.trips == 3

    def test_count_trips_of_while_however_it_is_left(self):
        profiles = Profiles()
        for n in (3, 9, 0):
            run_observed(countdown, (n,), {}, here, profiles)
        loop = profiles.of(countdown).loop(1)
        assert sorted(loop.recent) == [0, 2, 3]

        def f(n, leave):
            while n:
                n -= 1
                while n > 2:
                    n -= 1
                    if leave == "raise":
                        raise IndexError
                    if leave == "return":
                        return n
            return n

        assert observed(f, 5, "")[1].of(f).loop(2).recent == (2, 0, 0)
        assert observed(f, 5, "return")[1].of(f).loop(2).recent == (1,)
        profiles = Profiles()
        with pytest.raises(IndexError):
            run_observed(f, (5, "raise"), {}, here, profiles)
        assert profiles.of(f).loop(1).recent == (1,)

    def test_recursion_does_not_mix_them_up(self):
        profiles = Profiles()
        run_observed(descend, (3,), {}, here, profiles)
        loop = profiles.of(descend).loop(1)
        assert sorted(loop.recent) == [0, 1, 1, 1]

    def test_variables_at_the_head(self):
        def f(x, n):
            h, y = jnp.zeros((2, 3)), None
            while n > 0:
                h = h + x
                n -= 1
                y = 0
            return h, y

        _, profiles = observed(f, 1.5, 6)
        heads = profiles.of(f).loop(1).heads
        assert set(heads) == {"x", "n", "h", "y"}
        assert heads["h"].shapes == {(2, 3)}
        assert heads["h"].dtypes == {"float32"}
        assert heads["n"].values == (6, 5, 4)
        assert heads["x"].values == (1.5,)

    def test_looking_at_variables_keeps_nothing_alive(self):
        seen = []

        class Thing:
            pass

        def f():
            thing = Thing()
            ref = weakref.ref(thing)
            for i in range(3):
                thing = i
                seen.append(ref() is None)

        observed(f)
        assert seen == [True] * 3

    def test_an_item_lives_no_longer_than_in_the_original(self):
        def f():
            dead = []
            for thing in (Model(i) for i in range(3)):
                ref = weakref.ref(thing)
                del thing
                dead.append(ref() is None)
            return dead

        assert observed(f)[0] == f() == [True] * 3

    def test_a_generator_that_is_left_is_closed_as_soon(self):
        log = []

        def items():
            try:
                yield 1
            finally:
                log.append("closed")

        def f():
            for _ in items():
                break
            log.append("after")

        observed(f)
        assert log == ["closed", "after"]


def descend(n):
    while n > 0:
        n -= 1
        descend(n)
        break
    return n


class TestCalls:
    def test_the_user_s_functions_are_observed_and_others_are_not(self):
        def f(x):
            return sign(x) + len([x]) + int(jnp.abs(jnp.asarray(x)))

        result, profiles = observed(f, -3)
        assert result == -1 + 1 + 3
        assert profiles.of(sign).branch(1).false == 1
        names = [str(profile).split(" ")[0] for profile in profiles.of(f).calls.values()]
        assert {"sign", "len", "int"} <= set(names)

    def test_methods_callables_partials_and_static_ones(self):
        def f(model):
            part = functools.partial(sign, x=3)
            return model(2), model.apply(1), model.sign(1), Model.make().scale, part(), model.double

        model = Model(3)
        result, profiles = observed(f, model)
        assert result == (6, 3, 1, 2, 1, 6)
        assert model.calls == 1
        assert profiles.of(Model.__call__).branch(1).stable is True
        assert profiles.of(Model.make.__func__).branch(1).stable is True
        assert profiles.of(sign).branch(1).true == 2

    def test_callables_themselves_can_be_run(self):
        model = Model(3)
        assert observed(model, 2)[0] == 6
        assert observed(model.apply, 2)[0] == 6
        assert observed(functools.partial(model.apply, x=2))[0] == 6
        assert observed(len, [1])[0] == 1

    def test_targets_are_told_apart(self):
        def f(fns):
            return [fn(1) for fn in fns]

        models = [Model(1), Model(2)]
        profiles = observed(f, [sign, models[0].apply, models[1].apply, abs, sign])[1]
        call = profiles.of(f).call(1)
        assert [(target.name, target.count) for target in call.targets][:2] == [("sign", 2), ("Model.apply", 2)]
        assert call.stable is None
        assert (call.targets[0].ref or str)() is sign
        assert (call.targets[1].owner or str)() is Model

    def test_many_targets_are_bounded(self):
        fns = [eval(f"lambda: {i}") for i in range(20)]

        def g(fns):
            return sum([fn() for fn in fns])

        call = observed(g, fns)[1].of(g).call(2)
        assert len(call.targets) == 8
        assert call.others == 12

    def test_closures_of_the_same_code_are_one_target(self):
        def f():
            return [make(i)() for i in range(3)]

        def make(i):
            return lambda: i

        profiles = Profiles()
        for _ in range(2):
            run_observed(f, (), {}, here, profiles)
        call = next(call for call in profiles.of(f).calls.values() if "<lambda>" in str(call))
        assert call.stable is not None
        assert call.stable.count == 6

    def test_what_is_called_lives_no_longer_than_in_the_original(self):
        def f():
            dead = []
            for i in range(3):
                model = Model(i)
                ref = weakref.ref(model)
                [model.apply, lambda x, model=model: x, model, functools.partial(model.apply)][i](1)
                [[model].append, model][i % 2](1)
                del model
                dead.append(ref() is None)
            return dead

        assert observed(f)[0] == f() == [True] * 3

    def test_functions_in_jax_transforms_are_observed(self):
        def loss(w, x):
            if x > 0:
                return w * x
            return w

        def f(w):
            return jax.value_and_grad(loss)(w, 2.0)

        result, profiles = observed(f, 3.0)
        assert [float(part) for part in result] == [6.0, 2.0]
        assert profiles.of(loss).branch(1).true == 1

    def test_nested_functions_report_to_the_function_around_them(self):
        def f(x):
            def inner(y):
                return y if y > x else -y

            return inner(1) + (lambda z: z if z else 3)(0)

        result, profiles = observed(f, 0)
        assert result == 4
        assert profiles.of(f).branch(1).true == 1
        assert profiles.of(f).branch(2).false == 1

    def test_nested_functions_that_get_out_work_and_are_observed_afresh(self):
        def make(scale):
            return lambda x: x * scale if x > 0 else 0

        def use(fn, x):
            return fn(x)

        made, _ = observed(make, 3)
        assert is_emitted(made.__code__)
        assert (made(2), made(-2)) == (6, 0)
        assert find_source(made).text == "lambda x: x * scale if x > 0 else 0"
        result, profiles = observed(use, made, 2)
        assert result == 6
        inner = next(profile for code, profile in profiles if code.co_name == "<lambda>")
        assert inner.branch(1).true == 1

    def test_generators_and_coroutines_run_as_they_are(self):
        def numbers(n):
            for i in range(n):
                yield i if i % 2 else -i

        def f():
            return list(numbers(4)), numbers(2)

        (numbers_, late), profiles = observed(f)
        assert numbers_ == [0, 1, -2, 3]
        assert list(late) == [0, 1]
        assert profiles.of(numbers).loop(1).recent == (4,)


class TestForReal:
    def test_globals_cells_and_defaults_are_the_user_s_own(self):
        count = 0
        log = []

        def f(x, into=log, *, more=None):
            global HITS
            nonlocal count
            count += 1 if x else 0
            into.append(x)
            HITS = [*HITS, x]
            return more

        assert observed(f, 1, more=2)[0] == 2
        assert (count, log, HITS[-1]) == (1, [1], 1)

    def test_output_comes_once(self, capsys):
        def f(x):
            print("before", x)
            if x:
                print("in")
            return x

        observed(f, 1)
        assert capsys.readouterr().out == "before 1\nin\n"

    def test_changed_defaults_are_seen(self):
        def g(x=1):
            return x if x else 0

        def f():
            first = g()
            g.__defaults__ = (5,)
            return first, g()

        assert observed(f)[0] == (1, 5)

    def test_inputs_are_noted(self):
        def f(x, n=2, *rest, flag, **more):
            return x

        _, profiles = observed(f, jnp.ones((3, 2)), flag=True, extra=None)
        inputs = profiles.of(f).inputs
        assert str(inputs["x"]) == "float32[3,2]"
        assert inputs["flag"].values == (True,)
        assert set(inputs) == {"x", "flag", "extra"}

    def test_wrong_arguments_raise_what_they_raise(self):
        with pytest.raises(TypeError) as ours:
            observed(sign)
        with pytest.raises(TypeError) as theirs:
            sign(**{})
        assert str(ours.value) == str(theirs.value)

    def test_what_reads_its_frame_is_left_alone(self):
        def f(x):
            if x:
                return sorted(locals())

        result, profiles = observed(f, 1)
        assert result == ["x"]
        assert "local variables" in (profiles.of(f).unobserved or "")

    def test_what_has_no_source_is_left_alone(self):
        scope: dict = {}
        exec("def f(x): return 1 if x else 2", scope)
        fn = scope["f"]
        profiles = Profiles()
        assert run_observed(fn, (1,), {}, here, profiles) == 1
        assert "cannot be found" in (profiles.of(fn).unobserved or "")
        assert "not observed" in str(profiles.of(fn))

    def test_an_observed_run_can_be_inside_another(self):
        def f(x):
            return observed(sign, x)[0] if x else 0

        assert observed(f, -2)[0] == -1

    def test_nothing_of_the_user_s_is_kept(self):
        def f(x):
            made = Model(1)
            return weakref.ref(made), [made.apply(2) for _ in range(2)]

        (ref, _), profiles = observed(f, 1)
        gc.collect()
        assert ref() is None
        assert len(profiles) == 2


class TestExceptions:
    def test_have_the_user_s_frames_alone(self):
        def inner(x):
            for i in Failing():
                pass
            return x

        def f(x):
            return inner(x) if x else 0

        def shape(error):
            return [(frame.name, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]

        with pytest.raises(ZeroDivisionError) as ours:
            observed(f, 1)
        with pytest.raises(ZeroDivisionError) as theirs:
            f(1)
        # What is above `f` here: the test, and the calls that brought it there.
        assert shape(ours.value)[-3:] == shape(theirs.value)[-3:]
        package = os.path.dirname(os.path.dirname(config.__file__)) + "/janusx/"
        below = shape(ours.value).index(shape(theirs.value)[-3])
        frames = traceback.extract_tb(ours.value.__traceback__)[below:]
        assert not any(frame.filename.startswith(package) for frame in frames)

    def test_of_truth_values_too(self):
        def f(x):
            if x:
                return 1

        with pytest.raises(ValueError, match="ambiguous") as caught:
            observed(f, jnp.ones(2))
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert "test" not in names
        assert names.index("f") == names.index("observed") + 1

    def test_the_profile_of_the_part_that_ran_is_kept(self):
        def f(x):
            if x:
                raise KeyError(x)

        profiles = Profiles()
        with pytest.raises(KeyError):
            run_observed(f, (1,), {}, here, profiles)
        assert profiles.of(f).branch(1).true == 1

    def test_handled_inside(self):
        def f():
            try:
                return sign("a")
            except TypeError as error:
                return type(error.__context__), inspect.trace()[-1].function

        assert observed(f)[0] == f()


class Failing:
    def __iter__(self):
        return self

    def __next__(self):
        return 1 / 0


def test_the_rendering_names_the_user_s_lines():
    def f(x):
        for i in range(3):
            x = sign(x) if i else x
        return x

    _, profiles = observed(f, 2)
    line = f.__code__.co_firstlineno
    text = str(profiles.of(f))
    assert f"line {line + 1}, for range(3): trips 3 over range" in text
    assert f"line {line + 2}, if_exp i: true in 2 of 3 runs" in text
    assert f"line {line + 2}, call sign: sign 2×" in text


@pytest.mark.skipif(sys.gettrace() is not None, reason="tracing changes what is measured")
def test_frame_locals_are_not_left_behind():
    def f(x):
        for _ in range(2):
            pass
        return sys.modules["sys"] if x else None

    assert observed(f, 0)[0] is None
