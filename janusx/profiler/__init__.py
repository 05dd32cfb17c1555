"""What is observed of a function while it runs in plain Python, and the assumptions made of it."""

from __future__ import annotations

from janusx.profiler.assumptions import Branch as Branch
from janusx.profiler.assumptions import Callee as Callee
from janusx.profiler.assumptions import Scalar as Scalar
from janusx.profiler.assumptions import Shape as Shape
from janusx.profiler.assumptions import Trips as Trips
from janusx.profiler.observer import run_observed as run_observed
from janusx.profiler.profiles import Profiles as Profiles
from janusx.profiler.records import BranchProfile as BranchProfile
from janusx.profiler.records import CallProfile as CallProfile
from janusx.profiler.records import LoopProfile as LoopProfile
from janusx.profiler.records import Profile as Profile
from janusx.profiler.records import VariableProfile as VariableProfile
from janusx.profiler.records import WriteProfile as WriteProfile
