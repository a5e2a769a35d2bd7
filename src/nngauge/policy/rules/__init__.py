"""All rules, by topic. A rule is a value; adding one is a value here, an entry in the default policy and two test cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.policy._api import Rule
from nngauge.policy.rules.content import (
    CLOUD_AI,
    FORBIDDEN_TASK,
    FORBIDDEN_TECHNOLOGY,
    MODEL_LICENCE,
    REQUIRED_TASK,
    UNKNOWN_OWNER,
)
from nngauge.policy.rules.deprecated import DEPRECATED_API
from nngauge.policy.rules.hygiene import BUILD_TRACES, PICKLE_MODEL, TRAINING_LEFTOVERS, UNREAD_PARTS
from nngauge.policy.rules.performance import (
    COMPUTE_BUDGET,
    ENERGY_BUDGET,
    LARGE_MODEL_ON_CPU,
    LATENCY_BUDGET,
    MISSING_ACCELERATOR,
    UNASKED_ACCELERATOR,
)
from nngauge.policy.rules.precision import DUPLICATE_MODEL, FLOAT32_BESIDE_INT8, FLOAT32_WEIGHTS
from nngauge.policy.rules.protection import (
    KEY_BESIDE_MODEL,
    OPEN_DOWNLOAD,
    REPLACEABLE_MODEL,
    UNPROTECTED_MODEL,
    WEAK_CIPHER,
)
from nngauge.policy.rules.runtimes import (
    MODEL_WITHOUT_RUNTIME,
    RUNTIME_COPIES,
    TWO_RUNTIMES,
    UNUSED_MODEL,
    UNUSED_RUNTIME,
)
from nngauge.policy.rules.sizes import MODEL_BYTES, MODEL_SHARE, MODEL_SIZE
from nngauge.policy.rules.stores import STORE_LIMIT

RULES: Final[tuple[Rule, ...]] = (
    STORE_LIMIT, MODEL_BYTES, MODEL_SIZE, MODEL_SHARE, DUPLICATE_MODEL,
    FLOAT32_BESIDE_INT8, FLOAT32_WEIGHTS, TRAINING_LEFTOVERS,
    TWO_RUNTIMES, RUNTIME_COPIES, UNUSED_RUNTIME, UNUSED_MODEL, MODEL_WITHOUT_RUNTIME,
    KEY_BESIDE_MODEL, UNPROTECTED_MODEL, WEAK_CIPHER, REPLACEABLE_MODEL, OPEN_DOWNLOAD, PICKLE_MODEL, BUILD_TRACES,
    DEPRECATED_API, MISSING_ACCELERATOR, UNASKED_ACCELERATOR, LARGE_MODEL_ON_CPU,
    COMPUTE_BUDGET, LATENCY_BUDGET, ENERGY_BUDGET,
    REQUIRED_TASK, FORBIDDEN_TASK, FORBIDDEN_TECHNOLOGY, CLOUD_AI, MODEL_LICENCE, UNKNOWN_OWNER, UNREAD_PARTS,
)  # fmt: skip
"""In the order in which they are listed."""

RULE: Final[Mapping[str, Rule]] = {rule.id: rule for rule in RULES}
"""By id."""
