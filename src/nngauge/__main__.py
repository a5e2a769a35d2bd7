"""``python -m nngauge``: the same as the command."""

from nngauge.cli import main

main()
