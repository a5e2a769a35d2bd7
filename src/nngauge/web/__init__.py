"""The explorer: a study in the browser. Read-only; every page is a document of JSON, too (docs/explorer.md).

How a page comes about: `serving` routes a request through `guard` (who may ask) to a `View` of `pages`, which asks the
prepared tables of `prepared` with parameters that `asked` has bounded, and gives a struct; that is either written as
JSON or drawn by a template of `nngauge.page`. What takes longer than a page may is worked out in `patience`, and what
others' input could make dangerous (SQL of users, pictures of models) in a process of its own, `workshop`.
"""
