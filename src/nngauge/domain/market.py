"""What a store says of an app at a date, in one row an app and snapshot."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Field(Struct, frozen=True):
    """One thing that a store says: name, SQL type, meaning, and what the tables of others call it."""

    name: str
    type: str
    meaning: str
    called: tuple[str, ...] = ()
    """Best first: names as `nngauge.sources.listings.plain_name` writes them, or paths with dots into nested JSON."""


FIELDS: Final[tuple[Field, ...]] = (
    Field("package_id", "VARCHAR", "application id", (
        "packageid", "appid", "packagename", "package", "pkgname", "pkg", "applicationid", "bundleid", "docid",
        "backenddocid", "details.appDetails.packageName",
    )),
    Field("snapshot", "VARCHAR", "name of the snapshot, as in `listing`", ("snapshot",)),
    Field("date", "DATE", "day on which the store said so", (
        "date", "snapshotdate", "azmetadatadate", "scrapedtime", "scrapedat", "scrapeddate", "crawldate", "crawledat",
        "fetchedat", "collectedat",
    )),
    Field("title", "VARCHAR", "name shown", ("title", "appname", "name")),
    Field("category", "VARCHAR", "the store's identifier of the category, else its name", (
        "genreid", "categoryid", "relatedLinks.categoryInfo.appCategory", "annotations.categoryInfo.appCategory",
        "details.appDetails.appCategory", "category", "genre", "primarycategory", "primarygenre",
    )),
    Field("chart", "VARCHAR", "list that `rank` is a place in: topselling_free, TOP_FREE …", ("chart", "collection")),
    Field("rank", "BIGINT", "place in a chart, from 1", ("rank", "ranking", "chartrank", "position")),
    Field("downloads", "BIGINT", "at least so many: 1000000 where the store shows 1,000,000+", (
        "mininstalls", "minimuminstalls", "downloads", "installs", "numdownloads", "details.appDetails.numDownloads",
    )),
    Field("downloads_exact", "BIGINT", "the number behind what is shown, where the table has it", (
        "realinstalls", "maximuminstalls", "exactdownloads", "downloadsexact",
    )),
    Field("rating", "DOUBLE", "mean of the stars, above 0 to 5; NULL: not rated", (
        "score", "rating", "starrating", "averagerating", "aggregateRating.starRating", "stars",
    )),
    Field("ratings", "BIGINT", "how many gave stars", (
        "ratings", "ratingcount", "ratingscount", "numratings", "aggregateRating.ratingsCount",
    )),
    Field("reviews", "BIGINT", "how many wrote something", (
        "reviews", "reviewcount", "reviewscount", "numreviews", "commentcount", "aggregateRating.commentCount",
    )),
    Field("developer", "VARCHAR", "name of the developer", (
        "developer", "developername", "creator", "details.appDetails.developerName", "offeredby", "publisher", "author",
    )),
    Field("developer_id", "VARCHAR", "the store's identifier of the developer", (
        "developerid", "developerinternalid", "publisherid",
    )),
    Field("price", "DOUBLE", "what it costs, in `currency`; 0: nothing", (
        "price", "pricetext", "offer.0.formattedAmount",
    )),
    Field("currency", "VARCHAR", "ISO 4217 code", ("currency", "offer.0.currencyCode")),
    Field("free", "BOOLEAN", "costs nothing", ("free", "isfree")),
    Field("in_app", "BOOLEAN", "sells something inside", (
        "inapp", "offersiap", "inapppurchases", "hasinapppurchases", "iap", "inappproducts",
    )),
    Field("ads", "BOOLEAN", "shows advertisements", (
        "ads", "containsads", "adsupported", "hasads", "details.appDetails.containsAds",
    )),
    Field("released", "DATE", "day of the first version", ("released", "releasedate")),
    Field("updated", "DATE", "day of the newest version", (
        "updated", "lastupdated", "lastupdatedon", "updatedate", "uploaddate", "details.appDetails.uploadDate",
    )),
    Field("version", "VARCHAR", "newest version, as shown", (
        "version", "versionname", "currentversion", "currentver", "versionstring", "details.appDetails.versionString",
    )),
    Field("description", "VARCHAR", "the whole text; NULL unless it was asked for", (
        "description", "descriptionhtml",
    )),
)  # fmt: skip
"""https://github.com/facundoolano/google-play-scraper#app and its Python namesake; AndroZoo's Google Play metadata,
https://androzoo.uni.lu/gp-metadata ; https://www.kaggle.com/datasets/gauthamp10/google-playstore-apps"""
