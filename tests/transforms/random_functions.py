"""Random functions with every kind of control flow, made to be unkind: jumps everywhere, names that may be unbound."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

NAMES = ["a", "b", "c", "d", "e"]


@dataclass
class Writer:
    """Writes one function. `flip(n)` is a truth value that the world decides and `log(n)` leaves a trace."""

    random: Random
    budget: int = 30
    number: int = 0
    closures: bool = True

    def function(self) -> str:
        """The source of `f(a, b)`."""
        first = [f"    {n} = {i}" for i, n in enumerate(NAMES[2:]) if self.random.random() < 0.6]
        body = self.block(1, loop=False)
        last = [f"    return {self.expression()}"] if self.random.random() < 0.7 else []
        return "\n".join(["def f(a, b):", "    fs = []", "    t = {0: 1, 1: 2, 2: 0}", *first, *body, *last]) + "\n"

    def tick(self) -> int:
        self.number += 1
        return self.number

    def name(self) -> str:
        return self.random.choice(NAMES)

    def expression(self, depth: int = 0) -> str:
        pick = self.random.random()
        if pick < 0.35 or depth > 2:
            return self.name()
        if pick < 0.5:
            return str(self.random.randrange(5))
        if pick < 0.65:
            return f"log({self.tick()})"
        left, right = self.expression(depth + 1), self.expression(depth + 1)
        return self.random.choice(
            [
                f"({left} + {right})",
                f"({left} and {right})",
                f"({left} or {right})",
                f"(not {left})",
                f"({left} < {right} < log({self.tick()}))",
                f"({left} if {self.test(depth + 1)} else {right})",
                f"t[{left}]",
                f"len('abc'[{left}:{right}])",
                f"({left} in [{right}, log({self.tick()})])",
                f"({self.name()} := {left})",
                f"({left} and ({self.name()} := {right}))",
                f"({left} < ({self.name()} := {right}) < 3)",
                f"len(f'{{{left}}} x {{{right}!r:>3}}')",
                f"len('%s %s' % ({left}, {right}))",
                f"sum([{self.name()} for z in range(2) if {right}])",
                f"sum({left} + z for z in range(2))",
                f"(lambda z: {left} + z)({right})",
            ]
        )

    def test(self, depth: int = 0) -> str:
        if self.random.random() < 0.7:
            return f"flip({self.tick()})"
        return self.expression(depth)

    def block(self, indent: int, *, loop: bool, tried: bool = False) -> list[str]:
        out: list[str] = []
        for _ in range(self.random.randrange(1, 4)):
            if self.budget <= 0:
                break
            self.budget -= 1
            out += ["    " * indent + line for line in self.statement(indent, loop)]
        return out or ["    " * indent + "pass"]

    def nested(self, indent: int, loop: bool) -> list[str]:
        return [line.removeprefix("    " * indent) for line in self.block(indent + 1, loop=loop)]

    def statement(self, indent: int, loop: bool) -> list[str]:
        pick = self.random.random()
        if indent > 5 or pick < 0.2:
            return [f"{self.name()} = {self.expression()}"]
        if pick < 0.25:
            return [f"{self.name()} += {self.expression()}"]
        if pick < 0.28:
            return [f"log({self.name()})"]
        if pick < 0.3:
            return [f"t[{self.expression()}] {self.random.choice(['', '+', '*'])}= {self.expression()}"]
        if pick < 0.36:
            return [self.random.choice(["break", "continue"] if loop else [f"return {self.expression()}"])]
        if pick < 0.40:
            return [f"return {self.expression()}"]
        if pick < 0.43:
            return [self.random.choice([f"del {self.name()}", "raise ValueError(1)", f"assert {self.test()}, log(0)"])]
        if pick < 0.62:
            return self.conditional(indent, loop)
        if pick < 0.80:
            return self.loop(indent)
        if pick < 0.88:
            return self.attempt(indent, loop)
        if pick < 0.92:
            manager = self.random.choice(["swallow()", "manager() as " + self.name()])
            return [f"with {manager}:", *self.nested(indent, loop)]
        if pick < 0.95:
            return self.match(indent, loop)
        return self.closure(indent) if self.closures else [f"{self.name()} = 1"]

    def conditional(self, indent: int, loop: bool) -> list[str]:
        out = [f"if {self.test()}:", *self.nested(indent, loop)]
        if self.random.random() < 0.3:
            out += [f"elif {self.test()}:", *self.nested(indent, loop)]
        if self.random.random() < 0.5:
            out += ["else:", *self.nested(indent, loop)]
        return out

    def loop(self, indent: int) -> list[str]:
        if self.random.random() < 0.4:
            test = "True" if self.random.random() < 0.15 else f"log({self.tick()}) and {self.test()}"
            out = [f"while {test}:", f"    log({self.tick()})", *self.nested(indent, loop=True)]
        else:
            items = self.random.choice(["range(2)", "[3, 4, 5]", "enumerate([6, 7])", "[]"])
            target = f"{self.name()}, {self.name()}" if "enum" in items else self.name()
            out = [f"for {target} in {items}:", f"    log({self.tick()})", *self.nested(indent, loop=True)]
        if self.random.random() < 0.25:
            out += ["else:", *self.nested(indent, loop=False)]
        return out

    def attempt(self, indent: int, loop: bool) -> list[str]:
        out = ["try:", *self.nested(indent, loop)]
        final = self.random.random() < 0.3
        if not final or self.random.random() < 0.5:
            kind = self.random.choice(["ValueError", "(ValueError, NameError, AssertionError)"])
            named = f" as {self.name()}" if self.random.random() < 0.3 else ""
            out += [f"except {kind}{named}:", *self.nested(indent, loop)]
            if self.random.random() < 0.3:
                out += ["else:", *self.nested(indent, loop)]
        if final:
            out += ["finally:", *self.nested(indent, loop=False)]
        return out

    def match(self, indent: int, loop: bool) -> list[str]:
        inner = ["    " + line for line in self.nested(indent + 1, loop)]
        guard = f" if {self.test()}" if self.random.random() < 0.5 else ""
        out = [
            f"match {self.expression()}:",
            f"    case {self.random.choice(['0', '[x]', self.name()])}{guard}:",
            *inner,
        ]
        if "case 0" in out[1] or "[x]" in out[1] or guard:
            out += ["    case _:", *("    " + line for line in self.nested(indent + 1, loop))]
        return out

    def closure(self, indent: int) -> list[str]:
        name = self.name()
        if self.random.random() < 0.5:
            return [f"fs.append(lambda: {name})", f"{self.name()} = fs[0]()"]
        out = ["def g(z):"]
        if self.random.random() < 0.5:
            out += [f"    nonlocal {name}", f"    {name} = z"]
        body = Writer(self.random, 4, self.number + 100, closures=False)
        return [*out, *(line.removeprefix("    " * 0) for line in body.block(1, loop=False)), f"g({self.expression()})"]
