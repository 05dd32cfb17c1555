"""What observed runs note of a program's state: the attributes that it reads, and what its regions write."""

from __future__ import annotations

import gc
import math
import weakref
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import janusx
from janusx.profiler import Profiles, Scalar, Shape, run_observed

TOTAL = 0


def here(fn) -> bool:
    """What a program's own functions are: those of this file."""
    return str(fn.__code__.co_filename) == __file__


def profile_of(fn, *calls):
    """The profile of a function after observed runs with these arguments."""
    profiles = Profiles()
    for args in calls:
        run_observed(fn, args, {}, here, profiles)
    return profiles.of(fn)


class Slotted:
    __slots__ = ("__weakref__", "inner", "n")

    def __init__(self, *given):
        if given:
            self.n, self.inner = given


class Loud:
    """Whatever is asked of it beyond what plain Python asks is heard of."""

    def __init__(self):
        self.log = []
        self.n = 0

    def __getattr__(self, name):
        self.log.append(name)
        return 1

    @property
    def total(self):
        self.log.append("total")
        return self.n

    @total.setter
    def total(self, value):
        self.n = value


class Own:
    """Answers every read itself."""

    def __init__(self):
        self.heard = []

    def __getattribute__(self, name):
        object.__getattribute__(self, "heard").append(name)
        return object.__getattribute__(self, name) if name == "heard" else 1


class Costume:
    """Its class is a property of the program's."""

    asked = 0

    @property  # type: ignore[misc]
    def __class__(self):  # pyright: ignore[reportIncompatibleMethodOverride]
        type(self).asked += 1
        return int


class Counter:
    shared = 5

    def __init__(self):
        self.__hidden = 2
        self.hits = 0
        self.items = [0, 0, 0]
        self.state = jnp.zeros(3)

    def bump(self):
        self.__hidden += 1
        self.shared += 1

    def step(self, xs):
        global TOTAL
        for i, x in enumerate(xs):
            self.items[i] = x
            if x > 0:
                self.hits += 1
            else:
                TOTAL += 1
        del self.items[0]


class TestReads:
    def test_types_shapes_dtypes_and_values(self):
        def f(model):
            return model.w * model.step + len(model.name), model.layers[0].b, model.rows

        model = SimpleNamespace(w=jnp.ones((2, 3)), step=3, name="a", rows=np.zeros(4, np.int8))
        model.layers = [SimpleNamespace(b=2.5)]
        seen = profile_of(f, (model,)).attributes
        assert {name: str(look) for name, look in seen.items()} == {
            "model.w": "float32[2,3]",
            "model.step": "3",
            "model.name": "'a'",
            "model.layers": "list",
            "model.layers[0].b": "2.5",
            "model.rows": "int8[4]",
        }

    def test_runs_are_added_up_and_make_assumptions(self):
        def f(model):
            return model.w * model.step * model.rate

        runs = [(SimpleNamespace(w=jnp.ones((n, 3)), step=n, rate=0.5),) for n in (2, 4)]
        seen = profile_of(f, *runs).attributes
        assert str(Shape.of(seen["model.w"])) == "(*, 3)"
        assert str(Scalar.of(seen["model.step"])) == "int"
        assert str(Scalar.of(seen["model.rate"])) == "0.5"

    def test_an_update_reads_too(self):
        counter = Counter()
        seen = profile_of(Counter.bump, (counter,), (counter,)).attributes
        assert seen["self.__hidden"].values == (2, 3)
        assert seen["self.shared"].values == (5, 6)

    def test_slots_are_read_and_an_empty_one_is_left_alone(self):
        def f(x):
            x.n += 1

        full, empty = Slotted(1, None), Slotted()
        assert profile_of(f, (full,)).attributes["x.n"].values == (1,)
        with pytest.raises(AttributeError, match="n"):
            profile_of(f, (empty,))

    def test_no_code_of_the_program_s_runs_for_it(self):
        def f(x):
            x.total += x.other
            x.n += 1
            return x.log

        assert profile_of(f, (Loud(),)).attributes["x.other"].values == (1,)
        ours, theirs = Loud(), Loud()
        run_observed(f, (ours,), {}, here, Profiles())
        assert ours.log == f(theirs)

    def test_nor_an_own_getattribute_nor_class(self):
        def f(x, y):
            x.n += 1
            return y.costume

        ours, theirs = Own(), Own()
        y = SimpleNamespace(costume=Costume())
        run_observed(f, (ours, y), {}, here, Profiles())
        f(theirs, y)
        assert object.__getattribute__(ours, "heard") == object.__getattribute__(theirs, "heard") == ["n"]
        assert Costume.asked == 0

    def test_what_an_own_getattribute_hides_is_not_taken_for_what_was_read(self):
        def f(x):
            x.n += 1

        x = Own()
        object.__setattr__(x, "n", 7)
        assert "x.n" not in profile_of(f, (x,)).attributes

    def test_a_getter_s_value_is_seen_where_the_program_reads_it(self):
        def f(x):
            return x.total

        x = Loud()
        x.n = 7
        assert profile_of(f, (x,)).attributes["x.total"].values == (7,)
        assert x.log == ["total"]

    def test_modules_and_callees_are_no_state(self):
        def f(x):
            return jnp.asarray(x.w.sum() * math.pi, jnp.float32)

        assert set(profile_of(f, (SimpleNamespace(w=jnp.ones(2)),)).attributes) == {"x.w"}

    def test_are_bounded(self):
        def f(x):
            for _ in range(100):
                x.n += x.k
                x.k = x.n

        seen = profile_of(f, (SimpleNamespace(n=1, k=1),)).attributes
        assert all(len(each.seen) <= 8 for each in seen.values())

    def test_keep_nothing_alive(self):
        def f(box):
            box.item.n += 1
            return box.item.inner

        box = SimpleNamespace(item=Slotted(1, Counter()))
        refs = [weakref.ref(box.item), weakref.ref(box.item.inner), weakref.ref(box.item.inner.state)]
        profile = profile_of(f, (box,))
        del box
        gc.collect()
        assert [ref() for ref in refs] == [None] * 3
        assert set(profile.attributes) == {"box.item", "box.item.n", "box.item.inner"}


class TestWrites:
    def test_by_the_region_that_they_stand_in(self):
        profile = profile_of(Counter.step, (Counter(), [1, 2, -1]))
        (loop,) = [site.id for site in profile.sites if site.kind == "for"]
        (branch,) = [site.id for site in profile.sites if site.kind == "if"]
        assert str(profile.written(branch)) == "self.hits, global TOTAL"
        assert str(profile.written(loop)) == "self.hits, self.items[i], global TOTAL"
        assert str(profile.written()) == "self.hits, self.items[i], self.items[0], global TOTAL"

    def test_only_what_a_run_has_reached(self):
        calm = profile_of(Counter.step, (Counter(), [1, 2]))
        assert calm.written().globals == ()
        assert calm.written().attributes == ("self.hits",)
        empty = profile_of(Counter.step, (Counter(), []))
        assert empty.written().names == ("self.items[0]",)
        both = calm + empty
        assert both.written() == calm.written()

    def test_nothing_behind_an_early_return(self):
        def f(x, out):
            if x:
                return
            out.n = 1
            out.d["a"] = 2

        out = SimpleNamespace(d={})
        assert profile_of(f, (1, out)).writes == {}
        assert profile_of(f, (1, out), (0, out)).written().names == ("out.n", 'out.d["a"]')

    def test_cells(self):
        count = 0

        def f(x):
            nonlocal count
            local, lent = x, 0
            if x > 0:
                count += 1

            def more():
                return lent

            for i in range(2):
                lent = i
            return more() + local

        profile = profile_of(f, (1,))
        assert profile.written().cells == ("lent", "count")
        assert {site.text: str(profile.written(site.id)) for site in profile.sites if site.kind in ("if", "for")} == {
            "x > 0": "cell count",
            "range(2)": "cell lent",
        }
        assert count == 1
        assert profile_of(f, (-1,)).written().cells == ("lent",)

    def test_every_kind_of_target(self):
        def f(x, y):
            (x.a, y[0]), *x.b = (1, 2), 3
            for x.c in (1, 2):
                pass
            x.d: int = 4  # pyright: ignore[reportInvalidTypeForm]
            x.e: int  # pyright: ignore[reportInvalidTypeForm]
            [0 for x.f in (1,)]
            with np.errstate() as x.g:
                pass
            del x.a, y[1]

        x, y = SimpleNamespace(), [0, 1, 2]
        profile = profile_of(f, (x, y))
        assert set(profile.written().names) == {"x.a", "x.b", "x.c", "x.d", "x.f", "x.g", "y[0]", "y[1]"}
        assert (x.b, x.c, x.d, x.f, y) == ([3], 2, 4, 1, [2, 2])

    def test_a_loop_s_else(self):
        def f(x, n):
            while n:
                n -= 1
                x.body = n
            else:
                x.end = n

        profile = profile_of(f, (SimpleNamespace(), 0))
        assert str(profile.written(1)) == "x.end"


def test_the_rendering_has_both():
    text = str(profile_of(Counter.step, (Counter(), [1])))
    assert "\n  reads self.hits: 0" in text
    assert "\n  writes self.hits, self.items[i], self.items[0]" in text
    assert "if x > 0: true in 1 of 1 runs, writes self.hits" in text


def test_the_explanation_has_both(tmp_path):
    @janusx.convert
    def settle(model, x):
        if model.scale > 1:
            model.seen = model.seen + x
        i = 0
        while jnp.abs(x).max() > 1:
            x = x / 2
            i += 1
            model.trips[str(i)] = x
        return x

    model = SimpleNamespace(scale=2, seen=jnp.zeros(2), trips={})
    settle(model, jnp.full(2, 3.0))
    report = janusx.explain(settle)
    function = report.functions[0]
    assert function.observed == 1
    assert function.attributes["model.scale"] == "2"
    assert function.attributes["model.seen"] == "float32[2]"
    assert function.writes == ("model.seen", "model.trips[str(i)]")
    sites = {site.text: site for site in function.sites}
    assert sites["model.scale > 1"].writes == ("model.seen",)
    assert sites["jnp.abs(x).max() > 1"].writes == ("model.trips[str(i)]",)
    plain = report.to_dict()["functions"][0]
    assert plain["attributes"] == function.attributes
    assert plain["writes"] == ["model.seen", "model.trips[str(i)]"]
    assert [site["writes"] for site in plain["sites"] if site["kind"] == "if"] == [["model.seen"]]
    text = " ".join(str(report).split())
    assert "read model.scale 2, model.seen float32[2]" in text
    assert "wrote model.seen, model.trips[str(i)]" in text
    assert "true in 1 of 1 runs; wrote model.seen" in text
    page = report.save(tmp_path / "report.html").read_text()
    assert "<code>model.seen</code> float32[2]" in page
    assert "true in 1 of 1 runs; wrote model.seen" in page
