"""Events as JSON, one object a line, on stdout: for programs."""

import json

from wizard.core.errors import WizardError
from wizard.core.events import Event, Json, to_json
from wizard.core.plan import Plan


class JsonLines:
    """Writes each event as an object when it happens."""

    def row(self, row: dict[str, Json]) -> None:
        """Writes one object."""
        # In ASCII: it can be printed whatever the locale, even a file name that is not UTF-8.
        print(json.dumps(row, separators=(",", ":")), flush=True)

    def event(self, event: Event) -> None:
        """Writes what happened."""
        self.row(to_json(event))

    def plan(self, plan: Plan) -> None:
        """Writes what would be done."""
        self.row({"event": "plan", **plan.to_json()})

    def notices(self, plan: Plan) -> None:
        """Writes what a person should know about a plan."""
        for notice in plan.notices:
            self.row({"event": "notice", "text": notice})

    def error(self, error: WizardError) -> None:
        """Writes an error."""
        self.row(
            {
                "event": "error",
                "code": error.code,
                "summary": error.summary,
                "hint": error.hint,
                "exit_code": int(error.exit_code),
            }
        )
