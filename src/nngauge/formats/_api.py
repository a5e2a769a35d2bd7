"""What a model format is to nngauge: one frozen value per file in this folder, listed in `nngauge.formats.FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from nngauge.domain.graph import Graph
from nngauge.io.binary import Buffer


class Magic(Struct, frozen=True):
    """Fixed bytes at a fixed offset from the start of the file."""

    offset: int
    value: bytes
    carve: bool = False
    """Distinctive enough (four bytes or more of structure behind it) to look for at any offset of any file."""


class ModelData(Struct, frozen=True):
    """The bytes of one model as the extractor hands them to a parser.

    `buf` starts at the model and may run past its end (carving). `parts` holds companion files by the name they were
    bound under (see `Format.bind`), each a buffer of its own. Buffers may be memory maps of many gigabytes: slice, never copy whole.
    """

    name: str
    """Path inside the package; a hint for multi-file formats, never a reason to accept."""
    buf: Buffer
    parts: Mapping[str, Buffer] = field(default_factory=dict)


class Format(Struct, frozen=True, kw_only=True, eq=False):
    """One model format."""

    name: str
    """Short identifier, the module's name."""
    version: int
    """Raised whenever the parser's output changes, so that stored facts are recomputed."""
    title: str
    suffixes: tuple[str, ...]
    """Customary file name endings, lower case with dot. Hints for people and for reporting candidates; never proof."""
    parse: Callable[[ModelData], Graph]
    """Reads and validates one model.

    Raises `NotThisFormat` when the bytes are something else, other `InputError` kinds when they are this format but
    broken or unsupported. Never executes, unpickles or allocates in proportion to declared rather than present bytes.
    """
    magics: tuple[Magic, ...] = ()
    probe: Callable[[bytes, int, str], bool] | None = None
    """For formats without magic: `(head, size, name)` → worth parsing? Must be cheap and false for nearly all files;
    `head` is the first `limits.HEAD_BYTES` bytes."""
    gate: tuple[Magic, ...] = ()
    """Bytes of which one must be there before `probe` is asked; empty asks always. They save forty calls per data file,
    and the import of a parser whose probe is never asked."""
    bind: Callable[[str, Sequence[str]], tuple[str, ...]] | None = None
    """For formats in several files: `(lead path, all paths of the same container)` → paths of the companions found,
    in a fixed order. Called only after magic or probe matched the lead file."""
    bundle: bool = False
    """An archive of models (``.task``): its members are walked and reported too."""
    references: tuple[str, ...] = ()
    """Where the format is specified."""
    limitations: tuple[str, ...] = ()
    """What this parser does not read. Empty means fully supported."""


def starts(first: bytes) -> tuple[Magic, ...]:
    """A `Format.gate` that any of these first bytes opens."""
    return tuple(Magic(0, bytes([byte])) for byte in first)
