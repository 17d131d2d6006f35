"""`make bench`: the table of docs/benchmarks.md, measured on this machine."""

import statistics
from collections.abc import Iterable

from benchmarks import dns01
from benchmarks.local_ca import COMPARED
from benchmarks.pairs import Case, measure

ROUNDS = 21


def main() -> None:
    """Prints a row for each pair: both medians in milliseconds, and the ratio."""
    print("| ours | ms | theirs | ms | ratio | bound |\n|---|---|---|---|---|---|")
    rows(COMPARED)
    with dns01.cases() as cases:
        rows(cases.compared)


def rows(compared: Iterable[tuple[Case, Case, float | None]]) -> None:
    """Measures and prints some of them."""
    for ours, theirs, bound in compared:
        pair = measure(ours, theirs, ROUNDS)
        mine, other = (statistics.median(times) * 1000 for times in pair)
        limit = "" if bound is None else f"≤ {bound:g}"
        row = (ours.name, f"{mine:.0f}", theirs.name, f"{other:.0f}", f"{pair.median:.2f}", limit)
        print(f"| {' | '.join(row)} |", flush=True)


main()
