"""The demo: its three ways compute the same, it shows and writes what it found, and it says what is missing."""

from __future__ import annotations

import builtins
import html.parser
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs janusx[demo]")

import janusx.__main__ as command
from janusx.demo import measure, report, show
from janusx.demo.data import BATCH, load
from janusx.demo.expert import ExpertTrainer
from janusx.demo.measure import Change, Speed, Trained, Way
from janusx.demo.program import GoodEnough, Trainer
from janusx.demo.run import Outcome, failures, main, run

STEPS = 4


@pytest.fixture(scope="module")
def digits():
    return load()


def steps_of(trainer, step, digits, count=STEPS):
    for _, (images, labels) in zip(range(count), digits.epoch(0), strict=False):
        step(trainer, images, labels)
    return trainer


def test_the_digits_are_split_once_and_an_epoch_depends_on_its_number_alone(digits):
    assert digits.images.shape == (1437, 8, 8, 1)
    assert len(digits.test_labels) == 360
    (first, _), (again, _), (other, _) = (next(digits.epoch(number)) for number in (0, 0, 1))
    assert first.shape[0] == BATCH
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_expert_computes_what_the_program_computes(digits):
    plain = steps_of(Trainer(), Trainer.train_step, digits)
    expert = steps_of(ExpertTrainer(), ExpertTrainer.train_step, digits)
    np.testing.assert_allclose(expert.losses, plain.losses, rtol=1e-5)
    assert (expert.batches, expert.bad_batches) == (plain.model.batches, plain.bad_batches)
    assert isinstance(plain.losses[0], float)
    assert expert.accuracy(digits.test_images, digits.test_labels) == pytest.approx(
        plain.accuracy(digits.test_images, digits.test_labels), abs=1e-4
    )


@pytest.mark.parametrize("kind", [Trainer, ExpertTrainer])
def test_both_stop_with_the_programs_own_exception_and_keep_the_step(kind, digits):
    trainer = kind(good_enough=10.0)
    with pytest.raises(GoodEnough, match=r"running loss 2\.\d{4} after 1 batches"):
        steps_of(trainer, kind.train_step, digits)
    assert len(trainer.losses) == 1


def test_training_tells_each_step_and_ends_when_the_program_says_so(digits):
    told = []
    way = Way("x", lambda: ExpertTrainer(good_enough=2.29), ExpertTrainer.train_step, 1)
    result = measure.train(way, digits, 3, lambda *step: told.append(step))
    assert result.stopped.startswith("running loss 2.2")
    assert [step[1] for step in told] == list(range(1, result.steps))  # the step that raises tells nothing
    assert 0 <= result.accuracy <= 1


def speeds() -> tuple[Speed, ...]:
    return (
        Speed("eager JAX", 75.0, 1.0, 0.05),
        Speed("janusx.convert", 1400.0, 18.7, 0.99),
        Speed("hand", 1410.0, 18.8, 1.0),
    )


def trained(accuracy: float = 0.9778) -> tuple[Trained, ...]:
    names = ("eager JAX", "janusx.convert", "hand")
    return tuple(Trained(name, 3, 0.1, accuracy, (2.0, 1.0, 0.5), "running <loss>") for name in names)


def change(**after) -> Change:
    before = {"recompilations": 1, "violations": 0, "entries": 2}
    return Change("a.append(1)", 1.0, 1.0, True, before, before | after, ("len(a): 1 -> 2",))


@pytest.mark.parametrize(
    ("after", "answer"),
    [
        ({"calls": 3}, "nothing was compiled again"),
        ({"recompilations": 2, "entries": 3}, "the step was compiled again; 3 entries now"),
        ({"violations": 1}, "another route"),
    ],
)
def test_a_change_says_what_the_guards_did(after, answer):
    assert answer in change(**after).answer


def test_an_unconverted_step_has_no_guards_to_speak_of():
    assert Change("x", 1.0, 1.0, True).answer == "not converted: nothing is guarded"


def test_tables_are_plain_text_where_there_is_no_terminal(capsys):
    show.show_speed(trained(), speeds())
    show.show_changes((change(entries=3),))
    shown = capsys.readouterr().out
    assert re.search(r"janusx\.convert +1400 +18\.7 +0\.99 +3 +0\.9778", shown)
    assert "len(a): 1 -> 2" in shown
    assert "OTHER" not in shown


def test_progress_is_a_line_an_epoch_where_there_is_no_terminal(capsys):
    with show.progress("eager JAX", 2, 3) as tell:
        for number in range(6):
            tell(number // 3, number + 1, 0.5)
    assert len(capsys.readouterr().out.splitlines()) == 2


class Balance(html.parser.HTMLParser):
    """Checks that tags are closed in order, and that nothing is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "br", "path", "use"}:
            self.open.append(tag)
        self.fetched += [
            value for name, value in attrs if name in {"src", "href"} and value and not value.startswith("#")
        ]

    def handle_endtag(self, tag):
        if tag not in {"path", "use"}:
            assert self.open.pop() == tag


def test_the_report_is_one_file_that_fetches_nothing():
    findings = report.Findings(trained(), speeds(), (change(entries=3),), "why & how")
    text = report.render(findings)
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert balance.fetched == []
    assert "why &amp; how" in text
    assert "running &lt;loss&gt;" in text
    assert "<svg" in text


def test_the_report_does_without_a_plot_where_matplotlib_is_missing(monkeypatch):
    forbid(monkeypatch, "matplotlib")
    assert "not installed" in report.plot(trained())


def forbid(monkeypatch, package):
    real = builtins.__import__

    def importing(name, *rest, **named):
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_without_scikit_learn_the_demo_says_what_to_install(monkeypatch, capsys):
    forbid(monkeypatch, "sklearn")
    assert main([]) == 2
    assert 'pip install "janusx[demo]"' in capsys.readouterr().err


def test_failed_guards_are_told_in_the_order_of_the_calls():
    report = {
        "recompilations": [{"reason": "a list of 2, was 1", "at": "/x/program.py:85", "call": 9}],
        "violations": [{"reason": "it did not hold", "at": "/x/program.py:93", "call": 4}],
    }
    assert [failure.call for failure in failures(report)] == [4, 9]
    assert failures(report)[1].what == "a list of 2, was 1 (program.py:85)"


def test_other_accuracies_or_other_parameters_do_not_agree():
    assert Outcome(trained(), speeds(), (change(),)).agree
    assert not Outcome((*trained()[:2], *trained(0.9)[2:]), speeds(), ()).agree


def test_a_run_trains_three_ways_and_changes_the_rest(digits):
    """With a step that is not converted: the loop around it, without the compiler."""
    small = type(digits)(digits.images[:96], digits.labels[:96], digits.test_images, digits.test_labels)
    outcome = run(small, 1, Trainer.train_step, lambda: ({"calls": 0}, ()), rounds=2)
    assert outcome.agree
    assert [result.steps for result in outcome.trained] == [3, 3, 3]


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--help"], 0), (["fly"], 2)])
def test_the_command_line_says_what_it_can(arguments, code, capsys):
    assert command.main(arguments) == code
    shown = capsys.readouterr()
    assert "usage: python -m janusx" in shown.out + shown.err


@pytest.mark.slow
def test_the_demo_runs_converted(tmp_path, capsys):
    path = tmp_path / "report.html"
    assert main(["--epochs", "1", "--html", str(path)]) == 0
    assert "janusx.convert" in capsys.readouterr().out
    balance = Balance()
    balance.feed(text := path.read_text())
    assert (balance.open, balance.fetched) == ([], [])
    assert "running_loss" in text
    assert "jx.cond" in text
