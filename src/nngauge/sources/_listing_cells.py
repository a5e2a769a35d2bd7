"""Cells of store listings: what people and scrapers write, as values. Each raises `ValueError` for what it cannot read.

What is empty in one of the usual ways (`NOTHING`) is None.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

Scalar = str | int | float | bool
NOTHING: Final = frozenset({"", "nan", "none", "null", "n/a", "na", "-", "–", "?", "varies", "varies with device"})
_WORD: Final = max(map(len, NOTHING))
_TEXT: Final = 1000
"""Letters kept of names; stores allow 50 for titles and developers."""
_LONG_TEXT: Final = 20_000
"""Letters kept of descriptions; Google Play allows 4,000, HTML makes them more."""
_MOST: Final = 10**15
_LONGEST: Final = 60
"""Letters of numbers and dates."""
_COUNT: Final = re.compile(r"[>~+]?\s*(\d[\d.,\s'_]*)\s*([kmb])?\s*\+?(?:\s*downloads|\s*installs)?", re.IGNORECASE)
_BRACKET: Final = re.compile(r"([\d.,\s]+?)\s*[-–]\s*[\d.,\s]+")
"""How Google Play showed installs until 2017: 500,000 - 1,000,000."""
_GROUPS: Final = re.compile(r"\d{1,3}(?:[.,\s'_]\d{2,3})*[.,\s'_]\d{3}")
"""Thousands in any country's way; India has groups of two."""
_SCALE: Final = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_PRICE: Final = re.compile(r"(?:[A-Z]{2,3}|\D{0,4}?)\s*(\d[\d.,\s']*)\s*(?:[A-Z]{3}|\D{0,4}?)")
_PLAIN: Final = re.compile(r"\d+(?:\.\d+)?")
_YES: Final = frozenset({"true", "yes", "y", "1", "1.0", "t", "free", "contains ads", "in-app purchases"})
_NO: Final = frozenset({"false", "no", "n", "0", "0.0", "f", "paid"})
_EPOCH: Final = re.compile(r"\d{9,13}(?:\.\d+)?")
_ISO: Final = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_MONTH_FIRST: Final = re.compile(r"([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:,\s*|\s+)(\d{4})(?:\s.*)?")
_MONTH_SECOND: Final = re.compile(r"(\d{1,2})[\s-]([A-Za-z]{3,9})\.?,?[\s-](\d{4})(?:\s.*)?")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MILLISECONDS: Final = 10**11
"""Numbers from here on are milliseconds since 1970, not seconds."""


NO_VALUE: Final = "\x00"
"""Stands for an object, or a list in a list, where one value should be; no reader takes it."""


def text(value: Scalar) -> str | None:
    """A name."""
    found = _words(value)
    if len(found) <= _WORD and found.lower() in NOTHING:
        return None
    return found[:_TEXT]


def title(value: Scalar) -> str | None:
    """A name that may be any word, also "None"."""
    return _words(value)[:_TEXT] or None


def long_text(value: Scalar) -> str | None:
    """A description."""
    return _words(value)[:_LONG_TEXT] or None


@lru_cache(maxsize=65_536, typed=True)
def count(value: Scalar) -> int | None:
    """How many: 1000, "1,000+", "1.000.000", "10M+", "5,00,000+", "500 - 1,000" (its lower end), "1000.0"."""
    if isinstance(value, str):
        found = _count_of_text(_short(value))
    elif isinstance(value, float) and math.isnan(value):
        found = None
    else:
        found = int(value) if not isinstance(value, bool) and value == value // 1 else -1
    if found is not None and not 0 <= found < _MOST:
        raise ValueError("not a count")
    return found


def _count_of_text(value: str) -> int | None:
    if value.isascii() and value.isdigit():
        return int(value)
    if value.lower() in NOTHING:
        return None
    bracket = _BRACKET.fullmatch(value)
    match = _COUNT.fullmatch(bracket[1] if bracket else value)
    if match is None:
        raise ValueError("not a number")
    digits, scale = match[1].strip(), _SCALE[(match[2] or "").lower()]
    if _GROUPS.fullmatch(digits):
        return int(re.sub(r"\D", "", digits)) * scale
    number = _number(digits.replace(",", "."))
    if scale == 1 and number != int(number):
        raise ValueError("not a whole number")
    return round(number * scale)


def rank(value: Scalar) -> int | None:
    """A place, from 1."""
    found = count(value)
    if found == 0:
        raise ValueError("ranks begin with 1")
    return found


@lru_cache(maxsize=65_536, typed=True)
def rating(value: Scalar) -> float | None:
    """Mean stars; 0, which tables write for apps without ratings, is None."""
    if isinstance(value, str):
        plain = _short(value)
        if plain.lower() in NOTHING:
            return None
        value = _number(plain.replace(",", "."))
    if math.isnan(value):
        return None
    if isinstance(value, bool) or not 0 <= value <= 5:
        raise ValueError("stars are 0 to 5")
    return float(value) or None


@lru_cache(maxsize=65_536, typed=True)
def price(value: Scalar) -> float | None:
    """An amount: 4.99, "$4.99", "4,99 €", "Free"."""
    if isinstance(value, str):
        plain = _short(value)
        if plain.lower() in NOTHING:
            return None
        value = 0.0 if plain.lower() == "free" else _amount(plain)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bool) or not 0 <= value < _MOST:
        raise ValueError("not a price")
    return float(value)


def _amount(value: str) -> float:
    if _PLAIN.fullmatch(value):
        return float(value)
    match = _PRICE.fullmatch(value)
    if match is None:
        raise ValueError("not a price")
    digits = re.sub(r"[\s']", "", match[1])
    whole, point, cents = digits.rpartition("." if digits.rfind(".") > digits.rfind(",") else ",")
    if point and len(cents) != 3:
        return float(re.sub(r"\D", "", whole) + "." + cents)
    return float(re.sub(r"\D", "", digits))


@lru_cache(maxsize=1024, typed=True)
def flag(value: Scalar) -> bool | None:
    """Yes or no, in words or numbers; "Free" is yes and "Paid" no."""
    if isinstance(value, bool):
        return value
    plain = _short(str(value)).lower()
    if plain in NOTHING:
        return None
    if plain not in _YES and plain not in _NO:
        raise ValueError("neither yes nor no")
    return plain in _YES


@lru_cache(maxsize=65_536, typed=True)
def day(value: Scalar) -> str | None:
    """A day as YYYY-MM-DD: from ISO 8601, "Feb 26, 2020", "26 Aug. 2023", "26.8.2023", seconds or milliseconds since 1970.

    "8/9/2023" is refused: in half of the world it is another day.
    """
    if isinstance(value, str):
        plain = _short(value)
        if plain.lower() in NOTHING:
            return None
        if not _EPOCH.fullmatch(plain):
            return _day_of_text(plain).isoformat()
        value = float(plain)
    if isinstance(value, bool) or not 0 < value < _MILLISECONDS * 100:
        raise ValueError("not a date")
    seconds = value / 1000 if value >= _MILLISECONDS else value
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _day_of_text(value: str) -> date:
    if match := _ISO.fullmatch(value):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _DAY_FIRST.fullmatch(value):
        return date(int(match[3]), int(match[2]), int(match[1]))
    if match := _MONTH_FIRST.fullmatch(value):
        return date(int(match[3]), _month(match[1]), int(match[2]))
    if match := _MONTH_SECOND.fullmatch(value):
        return date(int(match[3]), _month(match[2]), int(match[1]))
    raise ValueError("not a date that means one day")


def _month(name: str) -> int:
    if name[:3].lower() not in _MONTHS:
        raise ValueError("not an English month")
    return _MONTHS.index(name[:3].lower()) + 1


def _words(value: Scalar) -> str:
    found = str(value).strip()
    if "\x00" in found:
        raise ValueError("not one text")
    return found


def _short(value: str) -> str:
    """What is longer is no number and no date, and not worth the search."""
    if len(value) > _LONGEST:
        raise ValueError("too long for a value")
    return value.strip()


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError("not a number") from None
