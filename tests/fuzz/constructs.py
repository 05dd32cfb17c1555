"""More statements of random programs: those whose parts belong together, so that chance would seldom put them so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.fuzz.grammar import Scope, tamed
from tests.fuzz.statements import Block, Make, Writer, indented, mutate


def _inside(w: Writer, scope: Scope, number: int, *names: str, in_loop: bool = False) -> Block:
    """A short block that may use some names more."""
    return w.block(scope.inner(number, in_loop=in_loop).bind(*names), 2)


def array_in_place(w: Writer, scope: Scope, number: int) -> Block:
    """NumPy arrays changed in place, beside a view and a second name."""
    e = w.e(scope, 2)
    forms = (
        ["{box}.grid[{N} % 4] = {R}"],
        ["{box}.grid[{N} % 4] += float({S})"],
        ["{box}.grid *= 0.5"],
        ["{box}.grid[1:] -= {N}"],
        ["{box}.grid[:] = np.asarray({a})[0]"],
        ["{box}.grid[{box}.grid > {R}] = 0.5"],
        ["{box}.grid.sort()"],
        ["grid = {box}.grid", "grid[0] = {N}", "r = float(grid.sum()) % 8.0"],
        ["view = {box}.grid[::2]", "view += {R}"],
        ["np.add({box}.grid, {N}, out={box}.grid)"],
        ["for i in range(4):", "    {box}.grid[i] = {box}.grid[i - 1] * 0.5 + i"],
        ["grid = np.zeros(3)", "grid[{N} % 3] = {R}", "s = s + jnp.asarray(grid).sum().astype(int)"],
    )
    chosen = [form for form in forms if "s = s" not in form[-1] or "s" in scope.bound]
    lines = [e.filled(line) for line in w.choices.one(chosen)]
    bound = scope.bind("r") if lines[-1].startswith("r =") else scope
    keep = f"np.clip({scope.box}.grid, -40, 40, out={scope.box}.grid)"
    return [*lines, keep], replace(bound, maybe=bound.maybe | ({"i"} - bound.bound))


def objects(w: Writer, scope: Scope, number: int) -> Block:
    """Objects in a list of an object: changed through it, through other names, and in loops."""
    e = w.e(scope, 2)
    part = f"part{scope.serial}{number}"
    forms = (
        ["{box}.parts[0].w = ({S}) % 97"],
        ["{box}.parts[-1].k += 1"],
        ["{box}.parts = [*{box}.parts[-2:], Part(({S}) % 97, ({N}) % 7)]"],
        ["{box}.parts.append(Part({S} % 97))", "del {box}.parts[:-3]"],
        ["{box}.parts.reverse()"],
        ["{box}.parts[0], {box}.parts[-1] = {box}.parts[-1], {box}.parts[0]"],
        [f"{part} = {{box}}.parts[{{N}} % len({{box}}.parts)]", f"{part}.w = ({part}.w + {{S}}) % 97"],
        [f"for {part} in {{box}}.parts:", f"    {part}.w = ({part}.w + {{S}}) % 97", f"    {part}.k += 1"],
        [f"for {part} in {{box}}.parts:", f"    if {part}.w > {{#}}:", f"        {part}.k = ({part}.k + {{+}}) % 7"],
        [f"{part} = max({{box}}.parts, key=lambda one: one.k)", f"{part}.w = ({{S}}) % 97"],
        ["{box}.last = {box}.parts[0]"],
        [f"{part} = Part(({{S}}) % 97)", f"{part}.w = ({part}.w * {{+}}) % 97", "{box}.last = " + part],
        ["{box}.parts.sort(key=lambda one: one.k)"],
    )
    return [e.filled(line) for line in w.choices.one(forms)], scope


def growing(w: Writer, scope: Scope, number: int) -> Block:
    """A list that grows and shrinks in a loop whose trips an array decides."""
    e, counter = w.e(scope, 2), f"k{scope.serial}{number}"
    start = w.choices.one(["({S}) % 5", "({S}) % 4 + 1", "jnp.array(3)"])
    lines = ["{start}", f"while {counter} > 0:", f"    {counter} = {counter} - 1"]
    body = (
        ["found.append(({S}) % 97)"],
        [f"found.append({counter})"],
        ["if {?}:", f"    found.append({counter} * {{+}})"],
        ["if found:", "    s = found.pop()"],
        ["if found:", "    found[0] = ({S}) % 97"],
        ["if len(found) > {+}:", "    break"],
        ["t = found[-1] if found else {S}"],
    )
    more = [w.choices.one(body) for _ in range(1 + w.choices.below(3))]
    text = ["found = []", f"{counter} = {start}", *lines[1:], *indented([line for form in more for line in form])]
    after = (
        ["s = sum(found, {S}) % 97"],
        ["n = len(found)"],
        ["if found:", "    s = found[-1]"],
        ["a = jnp.stack([*found, {S}])[-2:]"],
        ["print(found)"],
        ["{box}.hist.extend(found[-2:])"],
    )
    ending = w.choices.one(after)
    lines = [e.filled(line) for line in [*text, *ending]]
    name = {"s = s": "s", "n = l": "n", "a = j": "a"}.get(ending[0][:5])
    bound = scope.bind("found", *([name] if name else []))
    return lines, replace(bound, maybe=bound.maybe | ({"s", "t"} - bound.bound))


def caught_in_a_loop(w: Writer, scope: Scope, number: int) -> Block:
    """`try` in a loop whose trips, and whose exceptions, arrays decide."""
    e, counter = w.e(scope, 2), f"k{scope.serial}{number}"
    ways = (
        ["if {?}:", "    raise ValueError({N})"],
        ["if {S} > {#}:", "    raise KeyError('far')"],
        ["assert {S} > {#}, {N}"],
        ["n = {+} // ({N} % 3)"],
        ["s = {l}[{N} % 3]"],
        ["s = {box}.table['k']"],
    )
    tried = [*w.choices.one(ways), e.filled("s = ({S}) % 97")]
    inner = scope.inner(number, in_loop=True)
    handler, _ = w.block(replace(inner, maybe=inner.maybe | ({"s", "n"} - inner.bound)), 1)
    lines, _ = mutate(w, scope, number)
    ending = w.choices.one([[], ["finally:", *indented(lines)], ["else:", *indented(lines)]])
    kinds = "(ValueError, KeyError, AssertionError, ZeroDivisionError, IndexError)"
    body = ["try:", *indented([e.filled(line) for line in tried]), f"except {kinds} as error:"]
    body += [*indented(["print(type(error).__name__)", *handler]), *ending]
    head = w.choices.one(
        [
            [f"{counter} = {e.filled('({S}) % 4')}", f"while {counter} > 0:", f"    {counter} = {counter} - 1"],
            [f"for i in {w.choices.one(['range(3)', 'jnp.arange(3)'])}:"],
            [f"{counter} = 0", f"while {counter} < 3:", f"    {counter} = {counter} + 1"],
        ]
    )
    bound = replace(scope, maybe=scope.maybe | ({"i", "s", "n"} - scope.bound))
    return [*head, *indented(body)], bound


PATTERNS: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = (
    ("{N} % 4", (("0", ()), ("1 | 2", ()), ("n", ("n",)))),
    ("{S} % 3", (("0", ()), ("1", ()), ("s", ("s",)))),
    ("({N}, {S})", (("0, s", ("s",)), ("n, s if s > {#}", ("n", "s")), ("_", ()))),
    ("{l}", (("[]", ()), ("[s]", ("s",)), ("[s, *items]", ("s", "items")))),
    ("{box}.last", (("None", ()), ("Part(w=s, k=n)", ("s", "n")), ("_", ()))),
    ("{box}.table", (("{'k': s} if s is not None", ("s",)), ("{}", ()))),
    ("{box}.parts[0]", (("Part(k=0)", ()), ("Part(w=s) if s > {#}", ("s",)), ("Part()", ()))),
    ("{q}", (("int(n)", ("n",)), ("float(r)", ("r",)), ("_", ()))),
    ("{N} > {+}, {?}", (("True, _", ()), ("_, c if c", ()), ("_", ()))),
)


def match(w: Writer, scope: Scope, number: int) -> Block:
    """`match` with patterns of all kinds; not every subject fits one."""
    subject, cases = w.choices.one(PATTERNS)
    e = w.e(scope, 2)
    text, branches, maybe = [f"match {e.filled(subject)}:"], [scope], frozenset[str]()
    for pattern, names in cases:
        lines, after = _inside(w, scope, number, *names)
        text += [f"    case {e.filled(pattern)}:", *indented(indented(lines))]
        branches.append(after)
        maybe |= frozenset(names)
    # A pattern that fails may have bound its names.
    out = scope.after(*branches)
    return text, replace(out, maybe=out.maybe | (maybe - out.bound))


def local_class(w: Writer, scope: Scope, number: int) -> Block:
    """A class that is defined in the function, with state, and perhaps an operator."""
    name, one = f"Local{scope.serial}{number}", f"one{scope.serial}{number}"
    e = w.e(scope, 2)
    own = w.e(Scope(frozenset({"s"}), calls=scope.calls, returns="S", box=scope.box), 2)
    base = w.choices.one(["", "(Part)"])
    start = ["super().__init__(v)", "self.v = v"] if base else ["self.v = v"]
    text = [f"class {name}{base}:", "    scale = 2", "    def __init__(self, v):", *indented(indented(start))]
    step = w.choices.one(
        [
            ["self.v = (self.v + s * self.scale) % 97"],
            [f"if {own.predicate(False)}:", "    self.v = (self.v - s) % 97"],
            ["self.scale = self.scale + 1", f"self.v = {tamed('S', own.make('S'))}"],
            ["for _ in range(2):", "    self.v = (self.v * self.scale + s) % 97"],
        ]
    )
    text += ["    def step(self, s):", *indented(indented([*step, "return self.v"]))]
    text += ["    def __add__(self, other):", "        return self.v + other"]
    text += [f"{one} = {name}({tamed('S', e.make('S'))})"]
    uses = (
        [f"u = {one}.step({e.make('S')})"],
        [f"for s in {e.named('A')}:", f"    {one}.step(s)", f"u = {one} + {e.make('N')}"],
        [f"{name}.scale = {e.make('N')}", f"u = {one}.step({e.make('S')})"],
        [f"{scope.box}.last = {one}.v", f"u = {one}.v"],
    )
    after = scope.bind("u")
    return [*text, *w.choices.one(uses)], replace(after, maybe=after.maybe | ({"s"} - after.bound))


def generator(w: Writer, scope: Scope, number: int) -> Block:
    """A generator that the function defines and goes through."""
    name = f"gen{scope.serial}{number}"
    own = Scope(frozenset({"s", "n", "a"}), calls=scope.calls, returns="S", box=scope.box)
    e, inner = w.e(scope, 2), w.e(own, 2)
    over, target = w.choices.one([("a", "s"), ("range(3)", "n"), ("[s, s + 1]", "s")])
    body = w.choices.one(
        [
            [f"yield {tamed('S', inner.make('S'))}"],
            [f"if {inner.predicate(False)}:", f"    yield {target}", "else:", "    yield s * 2"],
            [f"{scope.box}.n += 1", f"yield s + {target}"],
            [f"if {inner.predicate(False)}:", "    return", f"yield {target}"],
            ["try:", f"    yield {target}", "finally:", f"    {scope.box}.n += 1"],
        ]
    )
    text = [f"def {name}(a, s, n):", f"    for {target} in {over}:", *indented(indented(body))]
    call = f"{name}({e.named('A')}, {e.named('S')}, {e.named('N')})"
    uses: Sequence[list[str]] = (
        [f"for t in {call}:", "    print(t)"],
        [f"u = sum({call}, jnp.array(0))"],
        [f"items = list({call})[:3]"],
        [f"u = next({call}, jnp.array(7))"],
        [f"for t in {call}:", f"    if {w.e(scope.bind('t'), 2).predicate(False)}:", "        break"],
        [f"items = [t + {e.make('N')} for t in {call}][:3]"],
        [f"u = max([*{call}, jnp.array(1)])"],
    )
    use = w.choices.one(uses)
    name_bound = use[0].partition(" = ")[0] if " = " in use[0] else ""
    after = scope.bind(name_bound) if name_bound in ("u", "items") else scope
    return [*text, *use], replace(after, maybe=after.maybe | ({"t"} - after.bound))


def recursion(w: Writer, scope: Scope, number: int) -> Block:
    """A nested function that calls itself, or two that call each other, as often as a small Python number says."""
    name = f"deep{scope.serial}{number}"
    own = Scope(frozenset({"s", "n"}), calls=scope.calls, returns="S", box=scope.box)
    e, inner = w.e(scope, 2), w.e(own, 2)
    onwards = w.choices.one(
        [
            [f"return {name}(n - 1, {tamed('S', inner.make('S'))})"],
            [f"return {name}(n - 1, s) + {name}(n - 2, {tamed('S', inner.make('S'))})"],
            [f"if {inner.predicate(False)}:", f"    return {name}(n - 1, s + 1)", f"return {name}(n - 2, s) * 2"],
            [f"s = {name}(n - 1, s)", f"{scope.box}.n += 1", "return s % 97"],
            [f"return s + other{name}(n - 1, s)"],
        ]
    )
    end = w.choices.one([f"return {tamed('S', inner.make('S'))}", "return s"])
    text = [f"def {name}(n, s):", "    if n <= 0:", f"        {end}", *indented(onwards)]
    text += [f"def other{name}(n, s):", f"    return {name}(n - 1, s * 2 % 97)"]
    depth = w.choices.one(["3", "2", f"({e.named('N')}) % 4"])
    return [*text, f"u = {name}({depth}, {e.make('S')})"], scope.bind("u")


def gradient(w: Writer, scope: Scope, number: int) -> Block:
    """The gradient of a nested function with control flow, and perhaps with state."""
    name = f"loss{scope.serial}{number}"
    e = w.e(scope, 2)
    body = w.choices.one(
        [
            ["if v > 0.5:", "    c = c * v"],
            ["for _ in range({+}):", "    c = c * 0.5 + v"],
            ["for i in range({N} % 3):", "    if c > 0:", "        c = c - v * 0.5"],
            ["c = jnp.where(v > {R}, c, v) + {R}"],
            ["{box}.rate = 0.5", "c = c * {box}.rate"],
            ["{box}.n += 1"],
            ["{box}.best = jnp.array(3)", "c = c + {box}.best"],
            ["items = [v * 0.5, c]", "c = items[{N} % 2] * v"],
            ["c = c if v < {#} else v * v"],
        ]
    )
    text = [f"def {name}(v):", "    c = v * " + e.named("R"), *indented([e.filled(line) for line in body])]
    text += ["    return jnp.clip(c, -40, 40) * v"]
    point = f"jnp.clip({e.make('F')}, -4, 4) * 1.0"
    uses = (
        [f"p = jax.grad({name})({point})"],
        [f"q, p = jax.value_and_grad({name})({point})"],
        ["for _ in range(2):", f"    p = jax.grad({name})(jnp.array({e.named('R')}))"],
    )
    use = w.choices.one(uses)
    return [*text, *use], scope.bind("p", "q") if use[0].startswith("q") else scope.bind("p")


def managed(w: Writer, scope: Scope, number: int) -> Block:
    """`with` a context manager of the program's, which writes and may swallow."""
    lines, after = _inside(w, scope, number)
    e = w.e(scope, 2)
    head = w.choices.one([f"with Held({scope.box}):", f"with Held({scope.box}) as held:", "with jax.named_scope('w'):"])
    if w.choices.below(3) == 0 and "Held" in head:
        lines = [*lines, f"if {e.predicate(False)}:", "    raise KeyError('held')"]
    return [head, *indented(lines)], scope.after(scope, after)


def table(w: Writer, scope: Scope, number: int) -> Block:
    """Dictionaries and sets: made, gone through, changed."""
    e = w.e(scope, 2)
    d = f"d{scope.serial}{number}"
    uses = (
        [f"for key, s in {d}.items():", "    {box}.best = ({box}.best + s) % 97"],
        [f"u = {d}.get('b', {{S}})"],
        [f"{d}['c'] = {{S}}", f"u = sum({d}.values())"],
        [f"u = {d}.pop('a') + len({d})"],
        [f"u = {d} | dict(z={{S}})", "u = u['z']"],
        [f"print(sorted({d}), {{N}} in set(range({{+}})))", "u = {S}"],
        [f"u = {d}['a' if {{?}} else 'b']"],
        [f"{d}.update(a={{S}})", f"u = {d}['a']"],
    )
    make = w.choices.one(
        [f"{d} = {{'a': {e.make('S')}, 'b': {e.make('S')}}}", f"{d} = {{k: {e.make('S')} for k in 'ab'}}"]
    )
    use = w.choices.one(uses)
    after = scope.bind("u") if use[0].startswith("u") or use[-1].startswith("u") else scope
    return [make, *(e.filled(line) for line in use)], replace(after, maybe=after.maybe | ({"s"} - after.bound))


CONSTRUCTS: list[Make] = [
    array_in_place, array_in_place, objects, objects, growing, growing, caught_in_a_loop, match, match, local_class,
    generator, recursion, gradient, managed, table,
]  # fmt: skip
