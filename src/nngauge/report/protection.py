"""R14: how models are kept from being read, and how many are not."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.domain.protection import Grade
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars
from nngauge.report.shares import high, low, share

_OPEN: Final = ", ".join(
    f"'{grade.value}'" for grade in (Grade.PLAIN, Grade.RENAMED, Grade.COMPRESSED, Grade.ENCODED, Grade.STRIPPED)
)
_CIPHERED: Final = ", ".join(
    f"'{grade.value}'"
    for grade in (Grade.WEAK, Grade.KEY_BESIDE, Grade.ENCRYPTED_HEADER, Grade.ENCRYPTED_WEIGHTS, Grade.ENCRYPTED)
)
_ORDER: Final = ", ".join(f"'{grade.value}'" for grade in Grade)
_AUDITED: Final = (
    "SELECT edition, snapshot, nth, latest, protection.* FROM protection JOIN editions USING (app) "
    f"WHERE grade <> '{Grade.UNIFORM.value}'"
)
"""Uniform bytes of which nothing says that they are a model are no models."""
_COUNTING: Final = (
    "models, and files that hide one, in audited packages of the latest snapshot; one in two packages counts twice"
)
_NOTE: Final = (
    "A grade says what a copy of the package gives away, not what the developer meant. Files of uniform bytes that nothing calls a "
    "model are left out; fetched models are counted where the app's code names them."
)

REPORT: Final = Report(
    id="R14",
    name="protection",
    title="How models are protected",
    question="Which share of models can anyone open, which are hidden or encrypted, and how?",
    origin="WWW'19 §5.4; ModelXRay (Sun et al., USENIX Security 2021)",
    limitations=("Only packages that were scanned with --audit are in here.",),
    parts=(
        Part(
            name="grades",
            title="Grades of protection",
            ask=f"""WITH audited AS ({_AUDITED})
SELECT grade, count(*) AS files, sum(count(*)) OVER ()::BIGINT AS whole, {share("count(*)", "sum(count(*)) OVER ()")} AS share,
    {low("count(*)", "sum(count(*)) OVER ()")} AS low, {high("count(*)", "sum(count(*)) OVER ()")} AS high,
    count(DISTINCT number) AS models, count(DISTINCT edition) AS packages, count(*) FILTER (owner = 'app') AS own,
    count(*) FILTER (owner = 'sdk') AS sdk, count(*) FILTER (confidence = 'certain') AS certain, sum(size)::BIGINT AS bytes
FROM audited WHERE latest GROUP BY grade ORDER BY list_position([{_ORDER}], grade)""",
            columns=(
                Column(
                    "grade",
                    "in which way it is kept from being read, the one that counts (docs/protection.md); least effort first",
                ),
                Column("files", "models and hidden files with this grade", "count"),
                Column("whole", "all of them, the denominator", "count"),
                Column("share", "files ÷ whole", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end", "share", "computed"),
                Column("models", "distinct readable ones", "count"),
                Column("packages", "packages with one", "count"),
                Column("own", "of the files, those that are the app's own", "count"),
                Column("sdk", "of the files, those that came with an SDK", "count"),
                Column("certain", "of the files, those whose grade is certain", "count"),
                Column("bytes", "their bytes", "bytes"),
            ),
            counting=_COUNTING,
            needs=("protection",),
            chart=partial(
                bars, value="share", by="grade", low="low", high="high", percent=True, title="share of models"
            ),
            note=_NOTE,
        ),
        Part(
            name="packages",
            title="Packages by their models' protection",
            ask=f"""WITH audited AS ({_AUDITED}),
package AS (SELECT snapshot, edition, bool_and(grade IN ({_OPEN})) AS open, bool_or(grade IN ({_OPEN})) AS some_open,
    bool_or(grade IN ({_CIPHERED})) AS ciphered FROM audited GROUP BY snapshot, edition)
SELECT snapshot, CASE WHEN open THEN 'anyone can open all' WHEN some_open AND ciphered THEN 'some encrypted, some open'
    WHEN ciphered THEN 'none open, some encrypted' WHEN some_open THEN 'some open, the others harder to read'
    ELSE 'none open, none encrypted' END AS protection,
    count(*) AS packages, {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS share
FROM package GROUP BY 1, 2 ORDER BY snapshot, packages DESC, protection""",
            columns=(
                Column("snapshot", "name of the snapshot"),
                Column("protection", "what holds for the models of the package"),
                Column("packages", "packages", "count"),
                Column("share", "packages ÷ audited packages of the snapshot with a model", "share"),
            ),
            counting="audited packages with at least one model or hidden file",
            needs=("protection",),
            chart=partial(
                bars,
                value="share",
                by="snapshot",
                colour="protection",
                stacked=True,
                percent=True,
                title="share of packages",
            ),
            note="Open: plain, renamed, compressed, encoded, or with names stripped. Vendor-compiled models, private containers and "
            "models in code are neither open nor encrypted.",
        ),
        Part(
            name="by-format",
            title="Protection by format",
            ask=f"""WITH audited AS (SELECT coalesce(nullif(title, ''), nullif(reveals, ''), 'not known') AS format, grade
    FROM ({_AUDITED}) WHERE latest)
SELECT format, grade, count(*) AS files, sum(count(*)) OVER (PARTITION BY format)::BIGINT AS format_files,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY format)")} AS share
FROM audited GROUP BY format, grade ORDER BY format_files DESC, format, files DESC, grade""",
            columns=(
                Column("format", "format, also where it was found behind a disguise"),
                Column("grade", "in which way it is kept from being read"),
                Column("files", "models and hidden files", "count"),
                Column("format_files", "all of the format, the denominator", "count"),
                Column("share", "files ÷ format_files", "share"),
            ),
            counting=_COUNTING,
            needs=("protection",),
        ),
        Part(
            name="ciphers",
            title="Ciphers and what they hide",
            ask=f"""WITH audited AS ({_AUDITED})
SELECT coalesce(nullif(cipher, ''), 'not told') AS cipher, grade, coalesce(nullif(reveals, ''), 'not known') AS reveals,
    count(*) AS files, count(DISTINCT edition) AS packages
FROM audited WHERE latest AND (grade IN ({_CIPHERED}) OR nullif(cipher, '') IS NOT NULL)
GROUP BY 1, 2, 3 ORDER BY files DESC, cipher, grade, reveals""",
            columns=(
                Column("cipher", "what could be told of the masking"),
                Column("grade", "in which way it is kept from being read"),
                Column("reveals", "format that was found behind the disguise"),
                Column("files", "files", "count"),
                Column("packages", "packages with one", "count"),
            ),
            counting=_COUNTING,
            needs=("protection",),
        ),
        Part(
            name="weaknesses",
            title="How models could be swapped",
            ask=f"""WITH audited AS ({_AUDITED} AND latest)
SELECT weakness, count(*) AS files, (SELECT count(*) FROM audited) AS whole, {share("count(*)", "SELECT count(*) FROM audited")} AS share,
    count(DISTINCT edition) AS packages
FROM (SELECT edition, unnest(string_split(weaknesses, ',')) AS weakness FROM audited WHERE weaknesses <> '')
GROUP BY weakness ORDER BY files DESC, weakness""",
            columns=(
                Column("weakness", "check with a bad answer (docs/protection.md)"),
                Column("files", "models and hidden files with it", "count"),
                Column("whole", "all of them, the denominator", "count"),
                Column("share", "files ÷ whole", "share"),
                Column("packages", "packages with one", "count"),
            ),
            counting=_COUNTING,
            needs=("protection.weaknesses",),
        ),
    ),
)
