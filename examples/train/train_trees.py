"""Gradient-boosted trees: XGBoost (.json, .ubj), LightGBM (.txt) and CatBoost (.cbm) on scikit-learn's bundled data.

Run: ``python train_trees.py`` in an environment made from requirements-trees.txt (a few seconds of CPU).
"""

from __future__ import annotations

import catboost
import lightgbm
import xgboost
from ground_truth import MODELS, ExportedModel, Port, record
from sklearn.datasets import load_breast_cancer, load_wine

SEED = 20261121
TREES = 12
DEPTH = 3
FOLDER = MODELS / "trees"


def train_xgboost() -> list[ExportedModel]:
    """A three-class wine classifier in both of XGBoost's own formats."""
    wine = load_wine()
    booster = xgboost.train(
        {"objective": "multi:softprob", "num_class": 3, "max_depth": DEPTH, "seed": SEED, "nthread": 1},
        xgboost.DMatrix(wine.data, wine.target, feature_names=wine.feature_names),
        num_boost_round=TREES,
    )
    written = []
    for suffix in ("json", "ubj"):
        booster.save_model(FOLDER / f"wine_xgboost.{suffix}")
        written.append(
            ExportedModel(
                files=(f"trees/wine_xgboost.{suffix}",),
                format=f"xgboost_{suffix}",
                script="train_trees.py",
                packages=("xgboost", "scikit-learn"),
                task="tabular classification (wine cultivar, 3 classes)",
                facts_from="xgboost.Booster",
                inputs=(Port(name="features", shape=(-1, booster.num_features()), dtype="float32"),),
                outputs=(Port(name="probabilities", shape=(-1, 3), dtype="float32"),),
                extra={"trees": len(booster.get_dump()), "boosting_rounds": booster.num_boosted_rounds()},
            )
        )
    return written


def train_lightgbm() -> list[ExportedModel]:
    """A binary tumour classifier in LightGBM's text format."""
    data = load_breast_cancer()
    options = {
        "objective": "binary",
        "max_depth": DEPTH,
        "seed": SEED,
        "num_threads": 1,
        "deterministic": True,
        "verbose": -1,
    }
    booster = lightgbm.train(options, lightgbm.Dataset(data.data, data.target), num_boost_round=TREES)
    booster.save_model(FOLDER / "tumour_lightgbm.txt")
    return [
        ExportedModel(
            files=("trees/tumour_lightgbm.txt",),
            format="lightgbm_txt",
            script="train_trees.py",
            packages=("lightgbm", "scikit-learn"),
            task="tabular classification (tumour, 2 classes)",
            facts_from="lightgbm.Booster",
            inputs=(Port(name="features", shape=(-1, booster.num_feature()), dtype="float64"),),
            outputs=(Port(name="probability", shape=(-1,), dtype="float64"),),
            extra={"trees": booster.num_trees()},
        )
    ]


def train_catboost() -> list[ExportedModel]:
    """The same tumour task in CatBoost's binary format."""
    data = load_breast_cancer()
    model = catboost.CatBoostClassifier(
        iterations=TREES, depth=DEPTH, random_seed=SEED, thread_count=1, verbose=False, allow_writing_files=False
    )
    model.fit(data.data, data.target)
    model.save_model(str(FOLDER / "tumour_catboost.cbm"))
    return [
        ExportedModel(
            files=("trees/tumour_catboost.cbm",),
            format="catboost_cbm",
            script="train_trees.py",
            packages=("catboost", "scikit-learn"),
            task="tabular classification (tumour, 2 classes)",
            facts_from="catboost.CatBoostClassifier",
            inputs=(Port(name="features", shape=(-1, len(model.feature_names_)), dtype="float32"),),
            outputs=(Port(name="probabilities", shape=(-1, 2), dtype="float64"),),
            extra={"trees": int(model.tree_count_)},
        )
    ]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    record([*train_xgboost(), *train_lightgbm(), *train_catboost()])
