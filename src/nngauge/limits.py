"""Every bound on hostile input, in one place, with its reason.

Sizes are bytes, counts are items. A bound that is met raises `nngauge.errors.LimitError` or is recorded as an
anomaly; it is never silent.
"""

from __future__ import annotations

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

# --- packages and archives -------------------------------------------------------------------------------------------
MAX_ENTRIES = 1_200_000
"""Entries of one archive. The largest public game packages hold about 10⁵; 10⁶ is a stress case that must still work."""
MAX_DIRECTORY_BYTES = 256 * MIB
"""Central directory of one zip: `MAX_ENTRIES` records with names of usual length, twice over."""
MAX_ZIP_MARKS = 8 * MAX_ENTRIES
"""Zip signatures of a broken archive, those in stored archives inside it included."""
MAX_SIGNING_BLOCK = 64 * MIB
"""APK Signing Block. Certificates take kilobytes; padding and embedded source stamps some more."""
MAX_SIGNING_PAIRS = 1024
"""Values in an APK Signing Block; apksigner writes five."""
MAX_NESTING = 4
"""Archives inside archives. Real cases need three (xapk > apk > zip in assets)."""
MAX_FOLDER_DEPTH = 64
"""Directories inside directories on disk; unpacked apps with Java packages need about 20."""
MAX_TAR_HEADER = 1 * MIB
"""One extended header (long names, pax records); real ones hold a few hundred bytes."""
MAX_SOLID = 2 * GIB
"""One 7z, unpacked: its files share compressed blocks, so all of them are unpacked for the first one asked for."""
MAX_SPLITS = 4_096
"""APKs of one split set; bundletool's full sets hold a few hundred."""
MAX_APP_DOCUMENT = 4 * MIB
"""A manifest, profile or table of contents that describes an app; real ones stay under 1 MiB."""
MAX_PATH_BYTES = 4096
"""Longest entry name kept; Android's own PATH_MAX."""
MAX_INFLATED_ENTRY = 8 * GIB
"""One entry after inflation. Play's largest asset pack is 1.5 GB; models of 4 GB exist on disk images."""
MAX_RATIO = 1100
"""Deflate cannot expand beyond 1032:1, so a larger declared ratio is a lie."""
MAX_NESTED_TOTAL = 16 * GIB
"""All bytes inflated for one app, nested archives included: the end of any zip bomb."""
BOMB_FLOOR = 1 * GIB
BOMB_RATIO = 100
"""An app may unpack to `BOMB_FLOOR` bytes, or to `BOMB_RATIO` times its own size when that is more. Deflated code and
assets give 2 to 5 times; a hundred is a bomb, and reading on would only take time."""
MAX_EOCD_SEARCH = 65_557
"""End record plus the longest comment zip allows."""

# --- reading ---------------------------------------------------------------------------------------------------------
HEAD_BYTES = 512
"""Cheap head of an entry: enough for every magic number (tar's is at 257) and the first protobuf fields."""
CHUNK_BYTES = 1 * MIB
"""Streaming unit of inflate and scan; memory per worker stays a small multiple of it."""
MEMORY_ENTRY = 48 * MIB
"""Entries up to this size are held in memory (one at a time, so that a worker stays well under 150 MB); larger ones go
to an unlinked temporary file and are mapped."""
CARVE_CANDIDATES = 4096
"""Embedded-model candidates examined per entry; a file of repeated magics must not cost quadratic time."""

# --- structures ------------------------------------------------------------------------------------------------------
MAX_STRUCT_DEPTH = 64
"""Recursion in protobuf, plist, AXML, JSON-like trees."""
MAX_ITEMS = 4_000_000
"""Elements of one vector, table or repeated field in a model or binary."""
MAX_NODES = 1_000_000
"""Graph nodes of one model."""
MAX_TENSORS = 2_000_000
"""Tensors of one model."""
MAX_RANK = 64
"""Dimensions of a tensor; every framework stops at 8 to 32."""
MAX_STRING = 1 * MIB
"""One name, attribute or string constant copied out of hostile bytes."""
MAX_TEXT_MODEL = 64 * MIB
"""Text formats (ncnn .param, prototxt, JSON graphs) are read whole; real ones stay under 5 MiB."""
MAX_ELF_SECTIONS = 65_536
MAX_ELF_SEGMENTS = 4_096
MAX_MACHO_COMMANDS = 16_384
MAX_MACHO_SECTIONS = 65_536
"""Sections of one slice; the format itself stops at 255 that symbols can name."""
MAX_DEX_IDS = 4_000_000
MAX_DEX_PARTS = 256
"""Dex files in one container; each holds up to 65,536 methods."""
MAX_DEX_MEMBERS = 200_000
"""Fields and methods of one class; a dex file can name 65,536 of each."""
MAX_DEX_SITES = 65_536
"""Call sites of one dex file: an instruction names them by 16 bits."""
MAX_CLASS_DEPTH = 256
"""Superclasses and interfaces followed from one class; real ones have a few dozen."""
MAX_CHAIN = 32
"""Methods shown of one call chain; of longer ones the middle is left out. Real ones have up to about fifteen."""
MAX_SUPERTYPES = 20_000_000
"""Superclasses and interfaces followed for all classes of one app together."""
MAX_CODE_BYTES = 512 * MIB
"""Dalvik code of one app that is searched for calls; the largest apps hold about 200 MB."""
MAX_HOST_BYTES = 96 * MIB
"""Code in other languages (Dart, JavaScript, C# metadata) that is searched for the names of plug-ins."""
MAX_NATIVE_BYTES = 2 * GIB
"""Native libraries of one ABI that are searched for the names of Java classes and files."""
MAX_LAYOUT_BYTES = 64 * MIB
"""Layouts and other small documents of one app that are searched for class names."""
MAX_AXML_CHUNKS = 250_000
"""Chunks of one XML document, resource table or package; the largest real tables hold some 10⁴."""
MAX_AXML_ATTRIBUTES = 200_000
"""Attributes of one document in all; a chunk may declare 65,535 that overlap. The largest manifests hold a few 10⁴."""
MAX_AXML_TEXT = 64 * MIB
"""Strings decoded for one document; pool offsets may overlap, so the pool's size does not bound it."""
MAX_ELF_DYNAMIC = 4_096
"""Entries of PT_DYNAMIC; the largest libraries hold a few hundred."""
MAX_NAME = 1 * KIB
"""A section, library or version name of a binary; longer ones are cut."""
MAX_SYMBOL = 64 * KIB
"""One symbol name; longer ones are cut. Mangled C++ templates reach about 10⁴."""
MAX_ELF_NOTES = 1_024
"""Notes of one segment or section; real files hold fewer than ten."""
MAX_ELF_CHAIN = 4_096
"""Steps along one hash chain; linkers aim at about four."""
MAX_SYMBOL_TEXT = 256 * MIB
"""Symbol names handed out in one pass; name offsets may overlap, so the string table's size does not bound it."""
MAX_SYMBOL_HITS = 4_096
"""Places in a string table where one symbol name may end; linkers share tails, so more than one is normal."""
MAX_FAT_SLICES = 40
"""Architectures of one fat Mach-O. Also what tells it from a Java class, whose version (45 and up) stands there."""
MAX_PLIST_BYTES = 64 * MIB
"""A property list, and what its values decode to; Info.plist files stay under 1 MiB."""
MAX_PLIST_OBJECTS = 1_000_000
"""Values of one property list, shared ones counted each time: few bytes can otherwise stand for billions."""
MAX_TRIE_NODES = 1_000_000
"""Nodes visited in one Mach-O export trie."""
MAX_DER_ITEMS = 65_536
"""Elements of one DER list; a signature block holds a handful of certificates."""
MAX_CERTIFICATES = 64
"""Certificates taken from one signature."""
MAX_CONFIGURATIONS = 4_096
"""Configurations (languages, densities…) in which one resource has a value."""
MAX_REFERENCES = 8
"""Resource references followed one after the other."""

MAX_SCAN_HITS = 100_000
"""Signature hits kept of one entry; a file of repeated magics has one every four bytes. Beyond, one per MiB is kept."""
KEPT_ENTRIES = 0xFFFF
"""Entries of a zip that stay made once all were asked for, 17 MB: as many as there can be without zip64, so all that real
apps have."""
MAX_BINDING = 20_000_000
"""Paths looked at to bring together the files of multi-file models in one container: leads times entries."""
MAX_SIBLINGS = 100_000
"""Files in and below the folders of lead files that are kept by name to bring models together."""
MAX_WORDS = 32
"""Names of files around a model that are asked what it is for."""
MAX_MODELS = 10_000
MAX_CANDIDATES = 10_000
"""Models and candidates listed of one app; the largest real apps hold some hundred."""
MAX_LIBRARIES = 20_000
"""Native binaries listed of one app; the largest real apps hold about a thousand over all processors."""
MAX_NEEDED = 256
"""Libraries kept that one native binary links."""
MAX_ANOMALIES = 10_000
MAX_FAILURES = 1_000
"""Failures listed of one app for each stage and kind of error; the others are counted."""

# --- running ---------------------------------------------------------------------------------------------------------
APP_SECONDS = 300.0
"""Wall time one app may take in a worker before it is stopped and recorded."""
APP_MEMORY = 1 * GIB
"""Private memory one worker may allocate before the operating system refuses more."""
MAX_INLINE_VALUES = 256
"""Elements of a constant that a parser hands over with its tensor: shapes, axes, scales."""
EVIDENCE_PER_FACT = 16
"""Pieces of evidence kept for one fact; the count of all is kept too."""
EVIDENCE_EXCERPT = 120
"""Bytes of a matched string shown in a report."""
LABELS_BYTES = 16 * MIB
"""Bytes of a labels file: about 40,000 labelled packages."""

# --- networks --------------------------------------------------------------------------------------------------------
MAX_REMOTE_BYTES = 16 * GIB
"""A package behind an address or in a bucket; what of it is fetched takes as much disk."""
REMOTE_TAIL = MAX_EOCD_SEARCH
"""Fetched first, from the end: all that can hold a zip's end record, of most packages the whole directory, too."""
REMOTE_GAP = 16 * KIB
"""Ranges with fewer unwanted bytes between them are one request: of seven apps 93.5 % of the bytes came with 420 requests,
with gaps of 0.5 kB 91.3 % with 7,188 (docs/adr/0011-remote.md). A request costs as long as 500 kB at 50 ms and 10 MB/s."""
REMOTE_PIECE = 8 * MIB
"""One request asks for at most this much."""
REMOTE_AHEAD = 32 * MIB
"""Contents of entries asked for together, before they are read one by one."""
REMOTE_STREAMS = 4
"""Requests for one package at a time."""
REMOTE_ATTEMPTS = 4
"""Requests for the same bytes before an app is put off: what a busy server or a dropped connection costs."""
REMOTE_PATIENCE = 30.0
"""Seconds a server may ask to wait (`Retry-After`); longer, and the app is put off at once."""
REMOTE_SECONDS = 30.0
"""Silence after which a connection counts as lost."""
MAX_REDIRECTS = 5

# --- phones ----------------------------------------------------------------------------------------------------------
PHONE_SECONDS = 60.0
"""Silence of a phone after which it counts as gone: `pm` and `dumpsys` take seconds on a slow one."""
MAX_PHONE_ANSWER = 64 * MIB
"""What one command on a phone may print; `dumpsys package packages` takes some 20 kB an app."""
MAX_PHONE_FILES = 10_000
"""Files in one folder of a phone, and splits and expansion files of one of its apps."""

# --- lists and indices of sources --------------------------------------------------------------------------------------
DOWNLOAD_LEAST = 2 * KIB
"""Bytes a second that a download brings on average once `DOWNLOAD_GRACE` seconds are over; slower is given up for now."""
DOWNLOAD_GRACE = 60.0
MAX_LIST_BYTES = 16 * GIB
"""A list of apps as it is fetched; AndroZoo's takes 3 GB packed."""
MAX_LIST_LINE = 64 * KIB
"""One row of a list; longer ones are bad rows."""
MAX_LIST_ROWS = 200_000_000
"""Rows of one list; AndroZoo's has 25 million."""
MAX_BAD_ROWS = 10_000
"""Bad rows of one list that are items of their own; the rest is one."""
MAX_SIGNED_JAR = 8 * MIB
"""The signed entry to a store's index, and each file in it; F-Droid's take 10 KB."""
MAX_INDEX_BYTES = 512 * MIB
"""A store's index, which is read at once; F-Droid's has 50 MB."""

# --- what stores say ---------------------------------------------------------------------------------------------------
MAX_LISTING_LINE = 4 * MIB
"""One row of a table of listings; with descriptions and reviews in it some take 100 kB."""
MAX_LISTING_COLUMNS = 1_000
MAX_LISTING_PROBLEMS = 100
"""Bad rows and cells of one table that are kept with their line; the others are counted."""

# --- power -------------------------------------------------------------------------------------------------------------
MAX_POWER_FILE = 256 * MIB
"""A recording of a power meter; a session of eleven minutes at 5 kHz takes about 100 MB as text."""
MAX_POWER_LINE = 4 * KIB
"""One row of it; real ones have a dozen numbers."""
MAX_POWER_SAMPLES = 4_000_000
"""Samples read from one recording: thirteen minutes at 5 kHz, some 500 MB of memory."""
MAX_RAILS = 1_024
"""Power rails of one device; phones have up to some forty."""

# --- engines -----------------------------------------------------------------------------------------------------------
MAX_RUNTIME_LIBRARY = 512 * MIB
"""A runtime library that is taken out of an app to be run; ONNX Runtime with everything in it has some 100 MB."""
