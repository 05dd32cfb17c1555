"""What is not rewritten: the leaf list, as data, and the questions asked about it.

A *leaf* is a function of a library that needs no conversion: its calls are traced through as they are. Everything else
that a converted function calls is converted on demand. To add a library, add its import name to a table below.

    >>> import math
    >>> is_leaf(math.sqrt), is_leaf_module("jax.numpy"), is_leaf_module("my_model")
    (True, True, False)
"""

from __future__ import annotations

import functools
import logging
import sys
import sysconfig
import types
from typing import Any

ARRAY_PACKAGES: frozenset[str] = frozenset(
    """
    jax jaxlib numpy scipy ml_dtypes opt_einsum optax flax equinox haiku chex einops jaxtyping orbax distrax diffrax
    lineax optimistix rlax jraph jaxopt blackjax numpyro oryx penzai treescope tensorflow_probability dm_pix mctx
    flashbax brax wadler_lindig
    """.split()
)
"""Import names of libraries whose functions take arrays: traced through."""

HOST_PACKAGES: frozenset[str] = frozenset(
    """
    absl attr attrs beartype cloudpickle etils fsspec gymnasium h5py hypothesis IPython libcst matplotlib msgpack pandas
    PIL pluggy psutil pytest _pytest pygments requests rich sklearn tensorboard tensorflow tensorstore torch tqdm
    typeguard typing_extensions wandb yaml
    """.split()
)
"""Import names of libraries that live on the host: called as they are, never with tracers if it can be helped."""

CONVERTED_MODULES: frozenset[str] = frozenset({"janusx.demo"})
"""Modules inside a leaf package whose functions are programs to convert all the same."""

pure_host_functions: frozenset[str] = frozenset(
    """
    builtins.abs builtins.all builtins.any builtins.ascii builtins.bin builtins.bool builtins.bytes builtins.callable
    builtins.chr builtins.complex builtins.divmod builtins.float builtins.format builtins.frozenset builtins.hash
    builtins.hex builtins.int builtins.isinstance builtins.issubclass builtins.len builtins.max builtins.min
    builtins.oct builtins.ord builtins.pow builtins.range builtins.repr builtins.round builtins.slice builtins.sorted
    builtins.str builtins.sum builtins.tuple builtins.type
    math.acos math.acosh math.asin math.asinh math.atan
    math.atan2 math.atanh math.cbrt math.ceil math.comb math.copysign math.cos math.cosh math.degrees math.dist math.erf
    math.erfc math.exp math.exp2 math.expm1 math.fabs math.factorial math.floor math.fma math.fmod math.frexp math.fsum
    math.gamma math.gcd math.hypot math.isclose math.isfinite math.isinf math.isnan math.isqrt math.lcm math.ldexp
    math.lgamma math.log math.log10 math.log1p math.log2 math.modf math.nextafter math.perm math.pow math.prod
    math.radians math.remainder math.sin math.sinh math.sqrt math.sumprod math.tan math.tanh math.trunc math.ulp
    cmath.exp cmath.isclose cmath.log cmath.phase cmath.polar cmath.rect cmath.sqrt
    operator.abs operator.add
    operator.and_ operator.concat operator.contains operator.countOf operator.eq operator.floordiv operator.ge
    operator.getitem operator.gt operator.index operator.indexOf operator.inv operator.invert operator.is_
    operator.is_not operator.le operator.length_hint operator.lshift operator.lt operator.matmul operator.mod
    operator.mul operator.ne operator.neg operator.not_ operator.or_ operator.pos operator.pow operator.rshift
    operator.sub operator.truediv operator.truth operator.xor
    """.split()
)
"""Functions that read only their arguments, change nothing and return the same for the same: on host values they may be
run again at gather or at commit. Dotted, by the public module. Pure as far as their arguments are: a `__len__` or a
`key=` of the user may do anything."""

PURE_NUMPY_MODULES: frozenset[str] = frozenset({"numpy", "numpy.linalg", "numpy.fft", "numpy.lib.stride_tricks"})
"""NumPy modules whose functions are pure, but for those in `IMPURE_NUMPY`."""

IMPURE_NUMPY: frozenset[str] = frozenset(
    """
    copyto fill_diagonal fromfile frombuffer genfromtxt get_include getbufsize geterr geterrcall get_printoptions load
    loadtxt memmap place printoptions put put_along_axis putmask save savetxt savez savez_compressed set_printoptions
    setbufsize seterr seterrcall show_config show_runtime info test errstate nditer empty empty_like ndarray
    """.split()
)
"""NumPy names that write to an argument, talk to the world, keep settings or return memory as it is found."""

output_functions: frozenset[str] = frozenset(
    """
    builtins.print warnings.warn
    logging.critical logging.debug logging.error logging.exception logging.info logging.log logging.warning logging.warn
    logging.Logger.critical logging.Logger.debug logging.Logger.error logging.Logger.exception logging.Logger.info
    logging.Logger.log logging.Logger.warning logging.Logger.warn logging.LoggerAdapter.critical
    logging.LoggerAdapter.debug logging.LoggerAdapter.error logging.LoggerAdapter.exception logging.LoggerAdapter.info
    logging.LoggerAdapter.log logging.LoggerAdapter.warning
    """.split()
)
"""Functions that only say something: held with their values and called at commit, in order."""

_IMMUTABLE: frozenset[type] = frozenset({bool, bytes, complex, float, frozenset, int, range, str, tuple, type(None)})
_STDLIB_FOLDERS: tuple[str, ...] = tuple({sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["platstdlib"]})


def is_leaf_module(name: str) -> bool:
    """Whether the functions of a module are left as they are.

    Args:
        name: dotted module name, for instance `jax.numpy`.

    Example:
        >>> is_leaf_module("flax.nnx"), is_leaf_module("json"), is_leaf_module("janusx.demo"), is_leaf_module("train")
        (True, True, False, False)
    """
    if any(name == module or name.startswith(f"{module}.") for module in CONVERTED_MODULES):
        return False
    package = name.partition(".")[0]
    return (
        package in ARRAY_PACKAGES
        or package in HOST_PACKAGES
        or package == "janusx"
        or package in sys.stdlib_module_names
    )


def is_host_module(name: str) -> bool:
    """Whether a module belongs to a library that lives on the host: its functions are opaque calls, not array code."""
    return name.partition(".")[0] in HOST_PACKAGES


def is_leaf(obj: object) -> bool:
    """Whether a call of `obj` is left as it is.

    Functions are judged by the module their code was written in (not by `__module__`, which `functools.wraps` copies),
    builtins are leaves, methods are judged by their function, classes by where they were defined, and other objects by
    the `__call__` of their class. What only wraps (`functools.partial`, `jax.jit(f)`, a decorated function) is a leaf
    if what it wraps is one as well.

    Args:
        obj: any value; a value that cannot be called is not a leaf.

    Example:
        >>> import functools, jax
        >>> def loss(x): return x * x
        >>> is_leaf(jax.nn.relu), is_leaf(loss), is_leaf(jax.jit(loss)), is_leaf(functools.partial(loss, 1))
        (True, False, False, False)
    """
    if isinstance(obj, types.FunctionType):
        return _is_leaf_function(obj)
    if isinstance(obj, types.MethodType):
        return is_leaf(obj.__func__)
    if isinstance(obj, type):
        return is_leaf_module(obj.__module__)
    if isinstance(obj, _BUILTIN_TYPES):
        return True
    if isinstance(obj, functools.partial):
        return is_leaf(obj.func)
    return _is_leaf_object(obj)


def is_pure_host(obj: object) -> bool:
    """Whether `obj` may be called again on the same host values with the same result (see `pure_host_functions`).

    Example:
        >>> import math
        >>> is_pure_host(math.sqrt), is_pure_host(print), is_pure_host("a-b".split), is_pure_host([].append)
        (True, False, True, False)
    """
    owner = getattr(obj, "__self__", None)
    if isinstance(obj, types.BuiltinMethodType) and owner is not None and not isinstance(owner, types.ModuleType):
        return type(owner) in _IMMUTABLE
    if isinstance(obj, types.MethodDescriptorType | types.WrapperDescriptorType):
        return obj.__objclass__ in _IMMUTABLE
    name = dotted_name(obj)
    if name in pure_host_functions:
        return True
    module, _, last = name.rpartition(".")
    return module in PURE_NUMPY_MODULES and last not in IMPURE_NUMPY


def is_output(obj: object) -> bool:
    """Whether a call of `obj` only says something (see `output_functions`).

    Example:
        >>> import logging
        >>> is_output(print), is_output(logging.getLogger("train").info), is_output(len)
        (True, True, False)
    """
    if isinstance(obj, types.MethodType) and isinstance(obj.__self__, logging.Logger | logging.LoggerAdapter):
        # A subclass that overrides `info` may do more than say something.
        return dotted_name(obj.__func__) in output_functions
    return dotted_name(obj) in output_functions


def dotted_name(obj: object) -> str:
    """The public dotted name of a function or class, or "" where it has none.

    Example:
        >>> import operator
        >>> dotted_name(operator.add), dotted_name(3)
        ('operator.add', '')
    """
    name = getattr(obj, "__qualname__", None)
    if not isinstance(name, str):
        # A ufunc has only `__name__`, and before NumPy 2.2 no module.
        name = getattr(obj, "__name__", None) if type(obj).__module__ == "numpy" else None
    if not isinstance(name, str):
        return ""
    module = getattr(obj, "__module__", None)
    if not isinstance(module, str):
        module = "numpy" if type(obj).__name__ == "ufunc" else "builtins"
    # C accelerators live in a module with a leading underscore: `_operator.add`, `_warnings.warn`.
    return f"{module.removeprefix('_')}.{name}"


_BUILTIN_TYPES: tuple[type, ...] = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.ClassMethodDescriptorType,
)


def _is_leaf_function(fn: types.FunctionType) -> bool:
    module = fn.__globals__.get("__name__", "")
    if not isinstance(module, str) or not is_leaf_module(module):
        return False
    if fn.__code__.co_filename.startswith("<doctest"):
        # An example in a docstring of a leaf module is a user's program.
        return False
    if module.partition(".")[0] in sys.stdlib_module_names and not _is_stdlib_file(fn.__code__.co_filename):
        # The user's own `queue.py` or `token.py`, imported in place of the standard one.
        return False
    wrapped = getattr(fn, "__wrapped__", None)
    return wrapped is None or wrapped is fn or is_leaf(wrapped)


def _is_stdlib_file(filename: str) -> bool:
    if filename.startswith("<"):  # frozen modules, and code that the standard library made (namedtuple, dataclass)
        return True
    return "site-packages" not in filename and filename.startswith(_STDLIB_FOLDERS)


def _is_leaf_object(obj: object) -> bool:
    kind = type(obj)
    if not callable(obj):
        return False
    call: Any = kind.__call__
    wrapped = getattr(obj, "__wrapped__", None)
    if wrapped is not None and wrapped is not obj and not is_leaf(wrapped):
        return False
    if isinstance(call, types.FunctionType):
        return _is_leaf_function(call)
    return is_leaf_module(kind.__module__)
