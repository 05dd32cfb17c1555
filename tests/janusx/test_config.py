"""Options: what counts over what, what is refused and in which words, threads, the environment, log topics."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import get_args

import pytest

from janusx import config, errors, logs


def test_table_is_the_documented_defaults() -> None:
    assert {row.name: row.default for row in config.OPTIONS} == {
        "profile_runs": 3,
        "speculate": True,
        "recompile_limit": 8,
        "on_unsupported": "split",
        "on_violation": "recompile",
        "guards": "flags",
        "loop_grad": "store",
        "traceback": "user",
        "disable": False,
        "roll_threshold": 4,
        "container_limit": 1024,
    }


def test_every_option_has_a_typed_attribute_and_takes_its_default() -> None:
    assert {row.name for row in config.OPTIONS} <= set(config.__annotations__)
    for row in config.OPTIONS:
        assert config.check(row.name, row.default) == row.default
        assert row.name in dir(config)


def test_using_counts_over_update_and_is_undone() -> None:
    config.update("profile_runs", 5)
    with config.using(profile_runs=0, speculate=False):
        assert (config.profile_runs, config.speculate) == (0, False)
        with config.using(profile_runs=7):
            assert (config.profile_runs, config.speculate) == (7, False)
        config.update("profile_runs", 6)
        assert config.profile_runs == 0
    assert (config.profile_runs, config.speculate) == (6, True)


def test_using_is_undone_after_an_error_and_sets_all_or_nothing() -> None:
    with pytest.raises(KeyError), config.using(profile_runs=0):
        raise KeyError
    with pytest.raises(errors.OptionError), config.using(profile_runs=0, guards="none"):
        pass
    assert config.profile_runs == 3


def test_using_is_of_this_thread_and_update_of_the_process() -> None:
    seen: list[tuple[int, int]] = []
    config.update("recompile_limit", 16)
    with config.using(profile_runs=0):
        thread = threading.Thread(target=lambda: seen.append((config.profile_runs, config.recompile_limit)))
        thread.start()
        thread.join()
    assert seen == [(3, 16)]


def test_using_is_of_this_task() -> None:
    async def read_later() -> int:
        await asyncio.sleep(0)
        return config.profile_runs

    async def set_and_read(value: int) -> int:
        with config.using(profile_runs=value):
            return await read_later()

    async def both() -> list[int]:
        return list(await asyncio.gather(set_and_read(1), set_and_read(2)))

    assert asyncio.run(both()) == [1, 2]


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("profile_run", 3, errors.UnknownOptionError, "did you mean 'profile_runs'?"),
        ("profile_runs", -1, errors.OptionError, "it takes an int, at least 0."),
        ("profile_runs", "3", errors.OptionTypeError, "it takes an int, at least 0."),
        ("profile_runs", True, errors.OptionTypeError, "it takes an int, at least 0."),
        ("speculate", 1, errors.OptionTypeError, "it takes True or False."),
        ("guards", "flag", errors.OptionError, """it takes `"flags"`, `"callback"`; did you mean 'flags'?"""),
        ("on_violation", 3, errors.OptionTypeError, """it takes `"recompile"`, `"eager"`, `"error"`, or a callable."""),
    ],
)
def test_bad_options_are_refused_in_words(name: str, value: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(errors.OptionError, match="JX0106") as caught:
        config.update(name, value)
    assert type(caught.value) is kind
    assert words in str(caught.value)


def test_a_handler_is_a_value_of_on_violation() -> None:
    config.update("on_violation", print)
    assert config.on_violation is print


def test_assignment_is_refused() -> None:
    with pytest.raises(errors.OptionError, match=r'config\.update\("guards", value\)'):
        config.guards = "callback"


def test_unknown_attributes_are_attribute_errors() -> None:
    assert not hasattr(config, "colour")
    assert not hasattr(config, "__wrapped__")


def in_new_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import janusx

    # The package's folder, so that an installed wheel is asked as well as a checkout.
    path = os.pathsep.join([str(Path(list(janusx.__path__)[0]).parent), os.environ.get("PYTHONPATH", "")])
    full = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-c", code], env=full, capture_output=True, text=True, check=False)


def test_environment_sets_options() -> None:
    done = in_new_process(
        "from janusx import config as c; print(c.profile_runs, c.speculate, c.guards, c.traceback)",
        JANUSX_PROFILE_RUNS="0",
        JANUSX_SPECULATE="off",
        JANUSX_GUARDS="callback",
        JANUSX_TRACEBACK="full",
    )
    assert done.stdout.split() == ["0", "False", "callback", "full"], done.stderr


def test_environment_with_a_bad_value_is_an_error_at_import() -> None:
    done = in_new_process("import janusx.config", JANUSX_ON_UNSUPPORTED="splat")
    assert done.returncode != 0
    assert "environment variable JANUSX_ON_UNSUPPORTED cannot be 'splat'." in done.stderr
    assert "did you mean 'split'?" in done.stderr


def test_flags_and_counts_are_read_from_text() -> None:
    assert [config.Flag().parse(text) for text in ("1", "TRUE", "on", "0", "no", "")] == [True] * 3 + [False] * 3
    assert config.Flag().check(config.Flag().parse("maybe")) is not None
    assert config.Count().parse("12") == 12
    assert config.Count().check(config.Count().parse("twelve")) is not None


def test_log_topics_go_to_stderr_on_request() -> None:
    code = (
        "from janusx import errors, logs\n"
        "logs.say('guards', '%s failed', 'x', place=errors.Place('m.py', 3))\n"
        "logs.say('source', 'nobody asked')"
    )
    assert in_new_process(code, JANUSX_LOGS="guards,eager").stderr == "[janusx.guards] m.py:3: x failed\n"
    assert in_new_process(code, JANUSX_LOGS="").stderr == ""


def test_topics_are_those_of_the_type() -> None:
    assert get_args(logs.Topic) == logs.TOPICS


def test_an_unknown_log_topic_is_an_error() -> None:
    with pytest.raises(errors.OptionError, match="did you mean 'guards'"):
        logs.listen("guard")


def test_log_records_name_the_speaker_and_cost_nothing_unheard(caplog: pytest.LogCaptureFixture) -> None:
    logs.say("guards", "%d", "not a number: never formatted")
    assert not logs.wanted("guards")
    with caplog.at_level(logging.DEBUG, "janusx.guards"):
        assert logs.wanted("guards")
        logs.say("guards", "hello")
    (record,) = caplog.records
    assert record.funcName == "test_log_records_name_the_speaker_and_cost_nothing_unheard"


def test_docs_are_up_to_date(checkout: Path) -> None:
    assert (checkout / "docs" / "config.md").read_text() == config.documentation(), (
        "run: python -m janusx.config > docs/config.md"
    )
