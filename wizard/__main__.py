"""`python -m wizard`."""

from wizard.cli import run

run()
