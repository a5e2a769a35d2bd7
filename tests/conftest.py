"""For all tests: screens are as wide as the tests say, whatever the terminal is that they are started from."""

from __future__ import annotations

import os

os.environ.pop("COLUMNS", None)
