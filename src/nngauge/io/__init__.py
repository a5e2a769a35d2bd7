"""The only code that touches raw offsets: bounded readers for the containers and wire formats everything else needs."""
