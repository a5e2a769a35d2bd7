"""Mutation fuzzing of every parser: ``python -m fuzz TARGET --runs N --seed S`` (see README.md)."""
