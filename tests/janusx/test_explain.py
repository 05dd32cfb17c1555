"""What `janusx.explain` says: decisions, guards, reasons; as data, text and page; and that asking changes nothing."""

from __future__ import annotations

import dataclasses
import gc
import html.parser
import json
import re
import weakref
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import janusx
from janusx.errors import NotCallableError
from janusx.report import Explanation
from janusx.timings import Timings

UP, DOWN = jnp.array([1.0, 2.0, 3.0]), jnp.array([-1.0, -2.0, -3.0])
HERE = Path(__file__).name


class Layer:
    def __init__(self, scale=1.0):
        self.kernel = jnp.full(3, scale, jnp.float32)

    def __call__(self, x):
        return x * self.kernel


class Model:
    def __init__(self):
        self.layers = [Layer(), Layer(2.0)]
        self.rate = 0.5
        self.steps = 0
        self.losses = []

    def step(self, x):
        for layer in self.layers:
            x = layer(x)
        loss = x.sum()
        if loss > 1:
            loss = loss * self.rate
        self.steps += 1
        self.losses.append(float(loss))
        return loss


def staged(x):
    if x.sum() > 0:
        x = x * 2
    return x


def rolled(x):
    for i in range(20):
        x = x + i
    return x


def speculated(x):
    if x.sum() > 0:
        return x * 2
    return None


def raises(x):
    if x.sum() > 100:
        raise ValueError("too large")
    return x + 1


def opaque(x):
    open("/dev/null").close()
    return x + 1


def site_of(report: Explanation, text: str) -> Any:
    (found,) = [site for function in report.functions for site in function.sites if site.text == text]
    return found


def guard_of(report: Explanation, path: str) -> Any:
    (found,) = [guard for guard in report.guards if guard.path == path]
    return found


def line_of(text: str) -> str:
    """`file:line` of the first line of this file that has `text`."""
    lines = Path(__file__).read_text().splitlines()
    return next(f"{__file__}:{number}" for number, line in enumerate(lines, 1) if text in line)


def trained(steps: int = 4) -> tuple[Any, Model]:
    g, model = janusx.convert(Model.step), Model()
    for _ in range(steps):
        g(model, UP)
    return g, model


# Decisions -----------------------------------------------------------------------------------------------------------


def test_a_staged_branch() -> None:
    g = janusx.convert(staged)
    g(UP)
    site = site_of(janusx.explain(g), "x.sum() > 0")
    assert (site.kind, site.rung) == ("if", "stage")
    assert "both sides" in site.reason
    assert f"{__file__}:{site.line}" == line_of("    if x.sum() > 0:")


def test_a_rolled_loop_says_how_often() -> None:
    g = janusx.convert(rolled)
    g(UP)
    site = site_of(janusx.explain(g), "range(20)")
    assert (site.kind, site.rung) == ("for", "roll")
    assert "20 trips" in site.reason


def test_an_unrolled_loop_is_named_as_slow() -> None:
    g, _ = trained()
    report = janusx.explain(g)
    loop = site_of(report, "self.layers")
    assert loop.rung == "unroll"
    assert any(slow.at == f"{__file__}:{loop.line}" and "list" in slow.what for slow in report.slow)


def test_a_speculated_branch_has_its_outcome_and_the_profile_behind_it() -> None:
    g = janusx.convert(speculated)
    for _ in range(5):
        g(UP)
    report = janusx.explain(g)
    site = site_of(report, "x.sum() > 0")
    assert site.rung == "speculate"
    assert site.decisions[0].outcome == "True"
    assert site.profile.startswith("true in 3 of 3 runs")
    assert report.functions[0].observed == 3
    (guard,) = report.entries[0].staged
    assert "x.sum() > 0" in guard.what
    assert guard.violations == 0


def test_a_violation_is_counted_where_it_happened() -> None:
    g = janusx.convert(speculated)
    for _ in range(5):
        g(UP)
    assert g(DOWN) is None
    report = janusx.explain(g)
    (violation,) = report.violations
    assert violation.at == f"{__file__}:{site_of(report, 'x.sum() > 0').line}"
    assert violation.call == 6
    assert any(guard.violations for entry in report.entries for guard in entry.staged)
    assert any("did not hold" in slow.what for slow in report.slow)


def test_a_raise_says_that_the_other_side_raises() -> None:
    g = janusx.convert(raises)
    g(UP)
    site = site_of(janusx.explain(g), "x.sum() > 100")
    assert site.rung == "speculate"
    assert "ValueError" in site.reason
    assert site.decisions[0].outcome == "False"


def test_functions_that_were_reached_follow_the_converted_one() -> None:
    g, _ = trained()
    report = janusx.explain(g)
    assert [function.name for function in report.functions] == ["Model.step", "Layer.__call__"]
    for function in report.functions:
        assert function.original is not None
        assert function.generated is not None
        assert function.entries == (1,)
        assert function.original.text.startswith("def ")
        assert len(function.original.lines) == function.original.text.count("\n") + 1
        assert len(function.generated.lines) == function.generated.text.count("\n") + 1
    assert "jx.cond" in report.functions[0].generated.text  # type: ignore[union-attr]


def test_what_runs_in_python_comes_first_with_its_reason() -> None:
    g = janusx.convert(opaque)
    with pytest.warns(UserWarning, match="JX0304"):
        g(UP)
    g(UP)
    report = janusx.explain(g)
    assert report.status.startswith("partly compiled: 2 calls (cut at 1 place, ")
    assert "open" in report.slow[0].what
    assert report.slow[0].rung == "split"
    assert report.split is not None
    (cut,) = report.split.cuts
    assert cut.at.startswith(__file__)
    assert "open" in str(report).split("Decisions")[0]


def test_an_error_while_tracing_is_at_the_users_line() -> None:
    def only_eager(x):
        return x + float(str(x.sum())[:1])  # a tracer has no such text

    g = janusx.convert(only_eager)
    with pytest.warns(UserWarning, match="JX0304"):
        g(UP)
    split = janusx.explain(g).split
    assert split is not None
    assert [cut.at for cut in split.cuts] == [line_of("return x + float(str")]


# Entries -------------------------------------------------------------------------------------------------------------


def test_guards_have_paths_and_conditions() -> None:
    g, _ = trained()
    report = janusx.explain(g)
    assert guard_of(report, "self.layers[1].kernel").condition == "float32[3]"
    assert guard_of(report, "self.layers").condition == "a list of 2"
    assert guard_of(report, "self.rate").condition == "0.5"
    assert guard_of(report, "x").condition == "float32[3]"
    assert guard_of(report, "Layer.__call__").condition == "the same function"
    assert not any(guard.failed for guard in report.guards)


def test_reads_and_writes_are_paths() -> None:
    g, _ = trained()
    (entry,) = janusx.explain(g).entries
    assert {"x", "self.layers[0].kernel", "self.layers[1].kernel", "self.steps"} <= set(entry.reads)
    assert "self.steps" in entry.writes
    assert any(path.startswith("self.losses") for path in entry.writes)
    assert "self.rate" not in entry.writes


def test_relaxed_host_values_say_why() -> None:
    g, _ = trained()
    relaxed = {value.path: value.reason for value in janusx.explain(g).relaxed}
    assert relaxed["self.steps"] == "the function sets it"
    assert "self.losses" in relaxed
    assert "self.rate" not in relaxed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: model.layers.append(Layer()), "self.layers: a list of 3, was 2"),
        (lambda model: setattr(model, "rate", 0.25), "self.rate: 0.25 instead of 0.5"),
        (lambda model: setattr(model, "rate", "fast"), "self.rate: a str ('fast') instead of a float (0.5)"),
        (lambda model: setattr(model, "bias", 1.0), "self: now has bias"),
        (lambda model: model.layers.__setitem__(1, model.layers[0]), "self.layers[0..1]: self.layers[1] and "),
        (
            lambda model: setattr(model.layers[1], "kernel", jnp.ones((1, 3))),
            "self.layers[1].kernel: float32[1,3] instead of float32[3]",
        ),
        (
            lambda model: setattr(model.layers[1], "kernel", jnp.ones(3, int)),
            "self.layers[1].kernel: int32[3] instead of float32[3]",
        ),
        (lambda model: delattr(model, "rate"), "self: no longer has rate"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_recompilation_says_what_differs(change: Any, reason: str) -> None:
    class Own(Model):
        pass

    g, model = janusx.convert(Own.step), Own()
    for _ in range(2):
        g(model, UP)
    record = g._record
    entry = record.entries[0]
    change(model)
    from janusx import misses
    from janusx.compile import Call

    miss = misses.why(record, Call(record.fun, (model, UP), {}, ("self", "x")))
    assert miss.what.startswith(reason)
    assert entry.failed
    assert any(guard.failed for guard in janusx.explain(g).guards)


def test_a_recompilation_is_told_with_path_line_and_call() -> None:
    g, model = trained(4)
    model.layers.append(Layer())
    g(model, UP)
    g(model, jnp.ones((2, 3)))
    report = janusx.explain(g)
    first, second = report.recompilations
    assert first.reason == "self.layers: a list of 3, was 2"
    assert first.at == line_of("for layer in self.layers")
    assert (first.call, second.call) == (5, 6)
    assert second.reason == "x: float32[2,3] instead of float32[3]"
    oldest = report.entries[-1]
    failed = {guard.path: guard.failed for guard in oldest.guards if guard.failed}
    assert failed["self.layers"] == "call 6: a list of 3, was 2"
    assert oldest.number == 1


def test_a_call_of_another_shape_is_told_as_such() -> None:
    def add(x, y=1):
        return x + y

    g = janusx.convert(add)
    g(UP)
    g(UP, y=2)
    (event,) = janusx.explain(g).recompilations
    assert event.reason == "the call: 1 positional argument and y= instead of 1 positional argument"


def test_a_method_swapped_on_its_class_is_seen() -> None:
    class Own:
        def scale(self, x):
            return x * 2

        def step(self, x):
            return self.scale(x)

    g, own = janusx.convert(Own.step), Own()
    g(own, UP)
    Own.scale = lambda self, x: x * 3  # type: ignore[method-assign]
    assert (g(own, UP) == UP * 3).all()
    (event,) = janusx.explain(g).recompilations
    assert "Own.scale" in event.reason


def test_the_recompile_limit_says_what_kept_changing() -> None:
    g = janusx.convert(lambda x, n: x[:n].sum(), recompile_limit=2)
    g(jnp.ones(2), 1)
    g(jnp.ones(3), 1)
    with pytest.warns(UserWarning, match="JX0303|JX0304"):
        g(jnp.ones(4), 1)
    report = janusx.explain(g)
    assert "x: float32[4] instead of float32[3]" in report.limits[0].reason
    assert report.slow[0].rung == "eager"


def test_diagnosis_keeps_nothing_of_the_users_alive() -> None:
    g, model = trained()
    model.layers.append(Layer())
    g(model, UP)
    janusx.explain(g)
    gone, layer = weakref.ref(model), weakref.ref(model.layers[0])
    del model
    gc.collect()
    assert gone() is None
    assert layer() is None


def test_a_violation_of_another_program_is_no_reason_later() -> None:
    g = janusx.convert(speculated)
    for x in (UP, UP, UP, UP, DOWN, UP):  # the last one is answered by the first program, after the second one missed
        g(x)
    g(jnp.ones(4))
    first = next(event for event in janusx.explain(g).recompilations if event.call == 7)
    assert first.reason == "x: float32[4] instead of float32[3]"


def test_timings_cover_making_and_calling() -> None:
    g, _ = trained(12)
    report = janusx.explain(g)
    (entry,) = report.entries
    assert set(entry.seconds) == {"rewrite", "trace", "compile"}
    assert all(seconds >= 0 for seconds in entry.seconds.values())
    assert set(entry.per_call) == {"gather", "run", "commit"}
    assert 1 <= entry.timed < 12
    assert report.timings["per call"]["timed"] == entry.timed
    assert report.timings["compile"] > 0


def test_later_calls_are_timed_rarely() -> None:
    timings, due = Timings(), 1
    for hits in range(3000):
        if hits >= due:
            due = timings.add((1.0, 2.0, 3.0), hits + 1)
    assert timings.count < 25
    assert timings.medians() == {"gather": 1.0, "run": 2.0, "commit": 3.0}


# Forms ---------------------------------------------------------------------------------------------------------------


def reports() -> dict[str, Explanation]:
    g, model = trained(3)
    model.layers.append(Layer())
    g(model, UP)
    speculative = janusx.convert(speculated)
    for x in (UP, UP, UP, UP, DOWN):
        speculative(x)
    marked = janusx.convert(lambda x: x if "<b>&" else -x)
    marked(UP)
    eager = janusx.convert(opaque)
    with pytest.warns(UserWarning, match="JX0304"):
        eager(UP)
    before = janusx.convert(staged)
    converted = {"model": g, "speculated": speculative, "marked": marked, "eager": eager, "before": before}
    return {name: janusx.explain(g) for name, g in converted.items()}


def test_the_data_survive_json() -> None:
    for report in reports().values():
        data = report.to_dict()
        assert json.loads(json.dumps(data)) == data
        assert {"status", "slow", "functions", "entries", "guards", "relaxed", "timings"} <= set(data)
        assert {"violations", "recompilations", "eager"} <= set(data)


def test_a_report_is_frozen() -> None:
    report = janusx.explain(janusx.convert(staged))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.status = "other"  # type: ignore[misc]


def test_the_text_fits_80_columns_and_has_no_colours() -> None:
    for name, report in reports().items():
        text = str(report)
        assert max(map(len, text.splitlines())) <= 80, name
        assert "\x1b" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_the_text_says_what_was_decided() -> None:
    text = str(reports()["model"])
    assert "Model.step" in text
    assert re.search(r"for self\.layers +unroll", text)
    assert re.search(r"if loss > 1 +stage", text)
    assert "self.layers: a list of 3, was 2" in text
    assert "self.layers[0..2].kernel" in text
    assert text.index("What costs time") < text.index("Decisions")


def test_rich_shows_the_same_text() -> None:
    console = pytest.importorskip("rich.console")
    report = reports()["speculated"]
    shown = console.Console(width=100, color_system=None)
    with shown.capture() as capture:
        shown.print(report)
    assert [line.rstrip() for line in capture.get().splitlines()][:5] == str(report).splitlines()[:5]


class Tags(html.parser.HTMLParser):
    """Checks that every tag is closed, in order, and collects what a browser would load."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attrs)
        self.loaded += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


@pytest.mark.parametrize("form", ["page", "fragment"])
def test_html_is_well_formed_and_needs_nothing_else(tmp_path: Path, form: str) -> None:
    for name, report in reports().items():
        path = report.save(tmp_path / f"{name}.html")
        text = path.read_text(encoding="utf-8") if form == "page" else report._repr_html_()
        tags = Tags()
        tags.feed(text)
        tags.close()
        assert tags.open == [], name
        assert tags.loaded == []
        assert tags.scripts == 0
        assert "url(" not in text
        assert "@import" not in text
        assert "http" not in text
        assert ("<!doctype html>" in text) is (form == "page")


def test_html_has_both_sources_the_rungs_and_both_themes() -> None:
    text = reports()["model"]._repr_html_()
    assert "as it is written" in text
    assert "as it is compiled" in text
    assert '<span class="at unroll">' in text
    assert '<span class="at stage">' in text
    assert "prefers-color-scheme: dark" in text
    assert "jx.for_loop" in text


def test_html_escapes_what_is_in_the_source() -> None:
    text = reports()["marked"]._repr_html_()
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;" in text


# Asking changes nothing ----------------------------------------------------------------------------------------------


def kept(g: Any) -> tuple[Any, ...]:
    record = g._record
    hits = [(id(entry), entry.hits, entry.due, entry.timings.count, dict(entry.failed)) for entry in record.entries]
    knowledge = (dict(record.knowledge.relaxed), dict(record.knowledge.assumed))
    programs = [id(program) for program in record.rewriter.programs()]
    return janusx.stats(g), hits, knowledge, programs, list(record.events), len(record.profiles)


def test_asking_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    g, model = trained()
    before, state = kept(g), (model.steps, list(model.losses), model.layers[0].kernel)
    monkeypatch.setattr(jax, "jit", lambda *args, **kwargs: pytest.fail("explain compiles"))
    reports = [janusx.explain(g) for _ in range(2)]
    shown = [(str(report), report._repr_html_(), report.to_dict()) for report in reports]
    assert shown[0] == shown[1]
    assert kept(g) == before
    assert (model.steps, model.losses) == state[:2]
    assert model.layers[0].kernel is state[2]
    assert janusx.explain(g) == reports[-1]


def test_before_the_first_call_there_is_source_and_no_decision() -> None:
    g = janusx.convert(staged)
    before = kept(g)
    report = janusx.explain(g)
    assert report.status == "not called yet"
    site = site_of(report, "x.sum() > 0")
    assert (site.rung, site.decisions) == ("", ())
    assert report.functions[0].generated is not None
    assert "not decided yet" in str(report)
    assert kept(g) == before


def test_while_it_is_profiled_it_says_why() -> None:
    g = janusx.convert(speculated)
    g(UP)
    report = janusx.explain(g)
    assert report.status == "profiled: 1 call"
    assert "profiled" in report.slow[0].what
    assert site_of(report, "x.sum() > 0").profile.startswith("true in 1 of 1 runs")


def test_after_reset_it_is_as_before_the_first_call() -> None:
    g = janusx.convert(speculated)
    new = janusx.explain(g)
    for x in (UP, UP, UP, UP, DOWN):
        g(x)
    janusx.reset(g)
    assert janusx.explain(g) == new


def test_methods_bound_or_not_lambdas_partials_and_callable_objects() -> None:
    import functools

    class Own:
        @janusx.convert
        def step(self, x):
            return x + 1

        def __call__(self, x):
            return x + 2

    own = Own()
    own.step(UP)
    assert janusx.explain(own.step) == janusx.explain(Own.step)
    assert janusx.explain(own.step).function.endswith("Own.step")
    called = janusx.convert(own)
    called(UP)
    assert janusx.explain(called).function.endswith("Own.__call__")
    for g in (janusx.convert(lambda x: x), janusx.convert(functools.partial(lambda x, y: x + y, 1))):
        g(UP)
        assert "1 call" in janusx.explain(g).status


def test_only_converted_functions_are_explained() -> None:
    with pytest.raises(NotCallableError, match="JX0103"):
        janusx.explain(staged)


def test_the_name_that_convert_was_given_is_that_of_the_report() -> None:
    g = janusx.convert(lambda x: x + 1, name="plus one")
    assert janusx.explain(g).function == "plus one"
    g(jnp.ones(2))
    assert str(janusx.explain(g)).startswith("plus one  test_explain.py:")
