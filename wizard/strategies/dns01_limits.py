"""What is looked at before an order is spent, and what is said when one was refused."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wizard.acme import clock
from wizard.acme.limits import failures, tries
from wizard.acme.problems import RefusedError
from wizard.core.events import Finding
from wizard.dns.diagnosis_codes import finding, listed
from wizard.strategies.dns01_wanted import Wanted

if TYPE_CHECKING:
    from wizard.acme.session import Session

FEW: Final = 2
"""With no more tries than that a person should take care."""
MEND: Final = "Mend first what made them fail; the authority's staging is there to try it out."


def check_clock(session: "Session", who: str) -> tuple[Finding, ...]:
    """Whether this machine's clock agrees with the authority's.

    Raises:
        WizardError: `clock-skew`: it is so far off that a new certificate would not be valid here.
    """
    ahead = session.clock_ahead
    if abs(ahead) > clock.TOO_FAR:
        so = "a new certificate and its order would seem to be not valid yet, or over"
        raise clock.error(ahead, who, so)
    if abs(ahead) > clock.SKEW:
        return (finding("clock-skew", f"{clock.wrong(ahead, who)}.", clock.HINT),)
    return ()


def check_tries(wanted: Wanted, state: Path, now: datetime) -> tuple[Finding, ...]:
    """Whether the authority bears one more failure.

    Raises:
        RefusedError: `failures-left`: it does not, and would refuse the order.
    """
    left, again, names = _tries(wanted, state, now)
    if not names or left > FEW:
        return ()
    failed = f"Proofs for {listed(names)} failed at {wanted.authority.title} within the hour"
    if not left:
        raise RefusedError(
            "failures-left",
            f"{failed}, as often as it bears: no order was made.",
            f"It takes the next one at {again:%Y-%m-%d %H:%M:%S} UTC. {MEND}",
        )
    return (finding("failures-left", f"{failed}: {_said(left)}.", MEND),)


def explained(
    error: RefusedError, wanted: Wanted, state: Path, now: datetime, *, seen: str
) -> RefusedError:
    """The error of an order that failed, with what else is known of it.

    Args:
        error: what the authority said.
        wanted: what was asked of it.
        state: the state directory.
        now: the time.
        seen: what public resolvers see, a sentence; or nothing.
    """
    left, again, names = _tries(wanted, state, now)
    more = [error.hint, seen]
    if names:
        more.append(f"Of {wanted.authority.failures} tries an hour {_said(left)}.")
    if names and not left:
        more.append(f"The next one comes back at {again:%Y-%m-%d %H:%M:%S} UTC.")
    return RefusedError(error.code, error.summary, " ".join(filter(None, more)), error.detail)


def _tries(wanted: Wanted, state: Path, now: datetime) -> tuple[int, datetime, list[str]]:
    """The fewest tries that a name has left, when it gets the next, and which names failed."""
    an_hour = wanted.authority.failures
    if not an_hour:
        return 0, now, []
    shelf = wanted.directory(state).parent
    found = failures(shelf, wanted.authority.directory_url, now)
    failed = {name: found[name] for name in wanted.names if name in found}
    if not failed:
        return an_hour, now, []
    left, again = min(tries(moments, an_hour, now) for moments in failed.values())
    return left, again, list(failed)


def _said(left: int) -> str:
    return f"{left} {'is' if left == 1 else 'are'} left" if left else "none is left"
