"""What a tool that writes model files is, and the language in which its process is told what to do and says what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct, field

from nngauge.engines import Feed, Trouble, Written


class Recipe(StrEnum):
    """What is done to a model. Activations stay 32-bit floats unless it says otherwise."""

    INT8_WEIGHTS = "int8-weights"
    """Weights are stored in 8 bits and turned into floats before they are used: the file shrinks, the arithmetic stays."""
    INT4_WEIGHTS = "int4-weights"
    """The same in 4 bits."""
    INT8_DYNAMIC = "int8-dynamic"
    """8-bit weights; activations are rounded to 8 bits as the model runs, each time anew."""
    INT4_DYNAMIC = "int4-dynamic"
    """4-bit weights, activations as above."""
    INT8_STATIC = "int8-static"
    """8-bit weights and activations, with ranges that calibration inputs showed."""
    INT16_STATIC = "int16-static"
    """8-bit weights, 16-bit activations with ranges that calibration inputs showed."""
    FLOAT16 = "float16"
    """16-bit floats."""
    PALETTE8 = "palette-8"
    """A table of 256 values for each weight."""
    PALETTE6 = "palette-6"
    """A table of 64 values."""
    PALETTE4 = "palette-4"
    """A table of 16 values."""
    MIXED = "mixed"
    """Bits by weight, as a plan says."""
    MODERNISE = "modernise"
    """Nothing is made smaller: an old file is written as tools of today expect it."""
    SHRINK = "shrink"
    """What the model does not need is left out; its answers stay."""
    CONVERT = "convert"
    """Nothing is made smaller: another format."""
    Q8_0 = "q8_0"
    """GGUF: 8 bits, blocks of 32."""
    Q5_0 = "q5_0"
    """GGUF: 5 bits, blocks of 32."""
    Q4_0 = "q4_0"
    """GGUF: 4 bits, blocks of 32."""


CALIBRATED = frozenset({Recipe.INT8_STATIC, Recipe.INT16_STATIC})
"""Recipes that need inputs."""


class Bits(Struct, frozen=True, kw_only=True):
    """What one weight is to be stored in."""

    weight: str
    """Name of the tensor, empty where it has none."""
    graph: int = 0
    """0 is the main graph, n the n-th of its sub-graphs."""
    tensor: int
    """Index in the graph's tensors."""
    bits: int


class Job(Struct, frozen=True, kw_only=True):
    """One file to write."""

    files: tuple[str, ...]
    """The model, its lead file first. Never written to."""
    output: str
    """Path of the lead file (or folder) to write; it is in a folder of its own."""
    recipe: Recipe
    bits: tuple[Bits, ...] = ()
    """For `Recipe.MIXED`. Weights that are not named keep their type."""
    ports: tuple[Feed, ...] = ()
    """Type and shape of each input as the model is run, without numbers; empty where that is not known."""
    calibration: tuple[tuple[Feed, ...], ...] = ()
    """Sets of inputs, each in the order of the model's."""
    negligible: float = 0.0
    """For `Recipe.SHRINK`: weights up to this share of the largest of their layer count as 0."""


class Witness(Struct, frozen=True, kw_only=True):
    """What a tool saw a model answer that no parser of ours reads."""

    feeds: tuple[Feed, ...]
    """For each input a file with the numbers of all sets, one after the other."""
    count: int
    """Sets."""
    outputs: tuple[Written, ...]
    """Of one set."""
    answers: str
    """File with the outputs of all sets, one after the other."""


class Done(Struct, frozen=True, kw_only=True):
    """How it went."""

    tools: Mapping[str, str] = field(default_factory=dict)
    """Version by name of what wrote the file."""
    trouble: Trouble | None = None
    changes: tuple[str, ...] = ()
    """What was done, for people: ``31 operator codes``."""
    notes: tuple[str, ...] = ()
    """What was not done though it was asked for, and why."""
    witness: Witness | None = None
    cpu_seconds: float = 0.0


class Writer(Struct, frozen=True, kw_only=True):
    """A tool that writes model files, as a value."""

    name: str
    title: str
    formats: frozenset[str]
    """Names of formats that it reads."""
    target: str
    """Name of the format that it writes."""
    suffix: str
    """Of the file (or folder) that it writes: ``.tflite``."""
    recipes: frozenset[Recipe]
    needs: tuple[str, ...]
    """Import names that have to be there."""
    install: str
    """What to type when they are not: ``pip install "nngauge[compress]"``."""
    bits: tuple[int, ...] = ()
    """What `Recipe.MIXED` can store a weight in."""
    build: Callable[[Job], Done]
    """Does it. Called in a process of its own; may raise anything."""
    memory: int = 16 << 30
    """Bytes of address space it may take."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
