"""The limits of an import. A file beyond one of them is refused before its content is read or run.

The largest file is a setting of the API (`CONVSERVE_MAX_MODEL_BYTES`).
"""

MAX_PARAMETERS = 150_000_000
"""VGG16 has 138 million."""
MAX_MODEL_BYTES = 640 * 2**20
"""Default of that setting: VGG16 has 553 million bytes."""
MAX_CLASSES = 10_000
LONGEST_CLASS = 200

MAX_CONFIG_BYTES = 4 * 2**20
MAX_METADATA_BYTES = 2**20
MAX_COMMENT_BYTES = 1024
MAX_RATIO, RATIO_FROM_BYTES = 100, 2**20
"""Unpacked ÷ packed size of a file in the archive, when it is larger than `RATIO_FROM_BYTES`."""
MAX_JSON_DEPTH, MAX_JSON_VALUES = 64, 200_000
MAX_INTEGER = 2**63
"""Keras writes addresses in memory as `shared_object_id`. Sizes have bounds of their own."""

MAX_NODES = 1000
"""Layers of a Keras file, nested models included."""
MAX_NESTED_MODELS = 4
MAX_SIDE = 512

MAX_OBJECTS = 5000
"""Groups and arrays in the part of an HDF5 file that holds the layers."""
MAX_CHUNK_BYTES = 64 * 2**20
MAX_DECLARED_RATIO = 20
"""Declared bytes of all arrays ÷ size of their file: what compression may save."""

MAX_GRAPH_NODES = 5000
MAX_GRAPH_TENSORS = 10_000
PROBE_SECONDS = 10.0
"""CPU time that one picture may take."""

READER_MEMORY_BYTES = 5 * 2**28
"""Address space of the process that reads a Keras file: 1.25 GiB. The largest array of VGG16 has 411 million bytes."""
GRAPH_MEMORY_BYTES = 6 * 2**30
"""Address space of the process that checks and tries out an ONNX file; threads and libraries reserve much of it."""
PROBE_LOAD_BYTES = 2**29
"""Memory that opening a graph may take, besides four times the size of its file."""
PROBE_ACTIVATION_BYTES = 2**30
"""Memory that eight pictures may take in a graph: VGG16 takes a quarter of it."""
READER_CPU_S = 60
READER_WALL_S = 240.0
"""Longer than the CPU time, because the machine may be busy."""
