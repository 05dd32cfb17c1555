"""What the tests of sources look for: functions as users write them, and ways to put text where Python looks."""

from __future__ import annotations

import functools
import linecache
import textwrap
import types
from dataclasses import dataclass

from janusx.sources import (
    FunctionSource,
    cells_of,
    compile_function,
    find_source,
    make_function,
)


@dataclass(frozen=True)
class Text:
    text: str
    lines: tuple[int, ...]
    ops_name: str = "jx"


def as_it_is(source: FunctionSource) -> Text:
    count = source.text.count("\n") + 1
    return Text(source.text, tuple(range(source.first_line, source.first_line + count)))


def remade(fn, **extra):
    """`fn` through its own source text, and back."""
    source = find_source(fn)
    text = as_it_is(source)
    if source.kind == "lambda":
        head, _, body = source.text.strip("()").partition(":") if "\n" in source.text else source.text.partition(":")
        text = Text(f"def made({head.removeprefix('lambda')}): return ({body})", (source.first_line,) * 3)
    code = compile_function(text, source, source.freevars, original=fn.__code__)
    return make_function(code, fn.__globals__, {**cells_of(fn), "jx": types.CellType(None), **extra}, fn)


def deco(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    return wrapper


def plain(x, y=2):
    """Adds.

    Indented, and to stay so.
    """
    return x + y  # the end


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Base:
    def greet(self) -> str:
        return "base"


class Model(Base):
    @deco
    @deco
    def decorated(self, x):
        return x * 2

    def greet(self) -> str:
        return "model, " + super().greet()

    def strings(self):
        a = """one
        two
    three"""
        return (
            a,
            f"""{a!r}
            {len(a)}""",
        )

    def private(self, __key=1):
        self.__x = __key

        def __get():
            class Other:
                __y = 3

            return vars(Other)

        return vars(self), __get.__name__, sorted(name for name in __get() if "y" in name)

    def hidden(self):
        def inner():
            return 3

        return inner

    @property
    def size(self):
        return 5

    @staticmethod
    def add(a, b):
        return a + b

    @classmethod
    def make(cls):
        return cls()

    async def later(self):
        return 1


# fmt: off
def odd_layout(a,
    b=(1,
2)):
  # a comment
# another one, at the margin
  return (a,
b)


pair = (lambda x: x + 1, lambda x: x + 2)
same = [lambda x: x, lambda x: x]
constants = [lambda: 1, (lambda: lambda: 2), lambda: 3]
nested_lambda = (lambda x: (lambda y: x + y),)[0]
é = {"ü": lambda x: "ü" + x, "b": lambda x: "ä" + x}
spanning = [
    lambda x, y=2: x
    + y
    + 1,
    lambda x, y=2: x
    - y,
]
in_call = functools.reduce(lambda f, g: lambda x: f(g(x)), [lambda x: x + 1, lambda x: x * 2])
# fmt: on


def in_linecache(name: str, text: str) -> None:
    linecache.cache[name] = (len(text), None, [str(line) for line in text.splitlines(True)], name)


def module_of(path, text, name="janusx_test_module"):
    path.write_text(textwrap.dedent(text))
    module = types.ModuleType(name)
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    return module
