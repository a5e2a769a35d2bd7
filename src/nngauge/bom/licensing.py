"""Licences as both formats want them: SPDX identifiers where a text is one, names otherwise; nothing where none is known."""

from __future__ import annotations

import re
from typing import Final

from nngauge.bom.cleaning import clean
from nngauge.bom.inventory import License

KNOWN: Final = (
    "0BSD", "AFL-3.0", "AGPL-3.0-only", "AGPL-3.0-or-later", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause",
    "BSD-3-Clause", "BSD-4-Clause", "BSL-1.0", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-NC-2.0", "CC-BY-NC-3.0",
    "CC-BY-NC-4.0", "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC0-1.0",
    "ECL-2.0", "EPL-1.0", "EPL-2.0", "EUPL-1.2", "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only",
    "GPL-3.0-or-later", "ISC", "LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "LPPL-1.3c", "MIT", "MIT-0", "MPL-2.0", "MS-PL", "NCSA", "ODbL-1.0", "OFL-1.1", "OSL-3.0", "PDDL-1.0",
    "PostgreSQL", "Unlicense", "WTFPL", "Zlib",
)  # fmt: skip
"""Identifiers of https://spdx.org/licenses/ that models, runtimes and data sets are published under."""
_BY_NAME: Final = {name.lower(): name for name in KNOWN} | {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "agpl-3.0": "AGPL-3.0-only",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "unlicense": "Unlicense",
}
"""Other ways in which model files and model hubs write them, in lower case. Hugging Face's plain ``gpl-3.0`` does not say
whether later versions are meant; the narrower reading is taken."""
_NOTHING: Final = re.compile(r"^(|none|no license|unknown|noassertion|other|n/?a|not specified)$", re.IGNORECASE)
_LONGEST: Final = 200


def license_of(text: str, *, declared: bool) -> tuple[License, ...]:
    """The licence that `text` names: one, or none where it says nothing."""
    plain = clean(text)
    if _NOTHING.match(plain):
        return ()
    known = _BY_NAME.get(plain.lower().rstrip("."))
    return (License(known or plain[:_LONGEST], spdx=known is not None, declared=declared),)
