"""Tensor types of ggml, and the names of whole files' mixtures of them.

Block sizes: `ggml-common.h` and `type_traits` in `ggml.c` of https://github.com/ggml-org/ggml; file types: `llama_ftype` in
`include/llama.h` of https://github.com/ggml-org/llama.cpp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import DType

BLOCKS: Final[Mapping[int, tuple[DType, int, int]]] = {
    0: (DType.FLOAT32, 1, 4),
    1: (DType.FLOAT16, 1, 2),
    2: (DType.GGML_Q4_0, 32, 18),
    3: (DType.GGML_Q4_1, 32, 20),
    6: (DType.GGML_Q5_0, 32, 22),
    7: (DType.GGML_Q5_1, 32, 24),
    8: (DType.GGML_Q8_0, 32, 34),
    9: (DType.GGML_Q8_1, 32, 36),
    10: (DType.GGML_Q2_K, 256, 84),
    11: (DType.GGML_Q3_K, 256, 110),
    12: (DType.GGML_Q4_K, 256, 144),
    13: (DType.GGML_Q5_K, 256, 176),
    14: (DType.GGML_Q6_K, 256, 210),
    15: (DType.GGML_Q8_K, 256, 292),
    16: (DType.GGML_IQ2_XXS, 256, 66),
    17: (DType.GGML_IQ2_XS, 256, 74),
    18: (DType.GGML_IQ3_XXS, 256, 98),
    19: (DType.GGML_IQ1_S, 256, 50),
    20: (DType.GGML_IQ4_NL, 32, 18),
    21: (DType.GGML_IQ3_S, 256, 110),
    22: (DType.GGML_IQ2_S, 256, 82),
    23: (DType.GGML_IQ4_XS, 256, 136),
    24: (DType.INT8, 1, 1),
    25: (DType.INT16, 1, 2),
    26: (DType.INT32, 1, 4),
    27: (DType.INT64, 1, 8),
    28: (DType.FLOAT64, 1, 8),
    29: (DType.GGML_IQ1_M, 256, 56),
    30: (DType.BFLOAT16, 1, 2),
    31: (DType.GGML_Q4_0, 32, 18),  # Q4_0 repacked for Arm (4×4, 4×8, 8×8), withdrawn in 2024
    32: (DType.GGML_Q4_0, 32, 18),
    33: (DType.GGML_Q4_0, 32, 18),
    34: (DType.GGML_TQ1_0, 256, 54),
    35: (DType.GGML_TQ2_0, 256, 66),
    36: (DType.GGML_IQ4_NL, 32, 18),  # IQ4_NL repacked, withdrawn likewise
    37: (DType.GGML_IQ4_NL, 32, 18),
    38: (DType.GGML_IQ4_NL, 32, 18),
    39: (DType.GGML_MXFP4, 32, 17),
    40: (DType.GGML_NVFP4, 64, 36),
    41: (DType.GGML_Q1_0, 128, 18),
}
"""Tensor type → element type, elements of a block, bytes of a block."""
FILE_TYPES: Final[Mapping[int, str]] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M",
    30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 33: "Q4_0_4_4", 34: "Q4_0_4_8", 35: "Q4_0_8_8", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip
"""`general.file_type`: the mixture that the quantiser was asked for."""
