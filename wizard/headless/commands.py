"""The commands beside the wizard."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from wizard.core import registry
from wizard.core.errors import ExitCode
from wizard.core.registry import Info
from wizard.core.system import System
from wizard.headless.front import Front, follow
from wizard.headless.jsonl import JsonLines
from wizard.headless.text import Text


def run(
    options: argparse.Namespace, system: System, state: Path, front: Front, *, may_ask: bool
) -> int:
    """Runs one command and returns its exit code."""
    may_ask = may_ask and isinstance(front, Text)
    match options.command:
        case "renew" | "undo":
            return _changed(options, system, state, front, may_ask=may_ask)
        case "trust" if options.do != "status":
            return _change_trust(options, system, state, front, may_ask=may_ask)
        case "client":
            from wizard.headless import clients  # noqa: PLC0415  only this command needs it

            return clients.run(options, system, state, front, may_ask=may_ask)
        case "list":
            return _list(options)
        case _:
            tell = {
                "adopt": _adopt,
                "answers": _answers,
                "doctor": _doctor,
                "status": _status,
                "trust": _trust,
            }
            return tell[options.command](options, system, state)


def _changed(
    options: argparse.Namespace, system: System, state: Path, front: Front, *, may_ask: bool
) -> int:
    from wizard import upkeep  # noqa: PLC0415  `list` needs none of it
    from wizard.core.journal import Journal  # noqa: PLC0415
    from wizard.engine import settle  # noqa: PLC0415

    if options.command == "undo":
        return follow(
            upkeep.undo(system, state, options.run, force=options.force, may_ask=may_ask), front
        )
    follow(settle(system, Journal(system, state), may_ask=may_ask), front)
    return follow(
        upkeep.renew(system, state, name=options.name, force=options.force, may_ask=may_ask), front
    )


def _change_trust(
    options: argparse.Namespace, system: System, state: Path, front: Front, *, may_ask: bool
) -> int:
    from wizard import upkeep  # noqa: PLC0415  `list` needs none of it
    from wizard.core.journal import Journal  # noqa: PLC0415
    from wizard.engine import settle  # noqa: PLC0415

    follow(settle(system, Journal(system, state), may_ask=may_ask), front)
    install = options.do == "install"
    stores = options.store or ["auto"]
    return follow(
        upkeep.change_trust(system, state, stores, install=install, may_ask=may_ask), front
    )


def _trust(options: argparse.Namespace, system: System, state: Path) -> int:
    from wizard import upkeep  # noqa: PLC0415  `list` needs none of it

    rows = upkeep.trust_status(system, state, options.store or ["auto"])
    for row in rows:
        if options.json:
            JsonLines().row(row.to_json())
            continue
        lost = " (its files are not here; trust uninstall removes it)" if row.is_lost else ""
        reason = f": {row.status.reason}" if row.status.reason else ""
        print(f"{row.status.trust.value:8}{row.place}  {row.root}{lost}{reason}")
    if not rows and not options.json:
        print("There is no local root, and no store has one of ours.")
    return int(ExitCode.DONE)


def _adopt(options: argparse.Namespace, system: System, state: Path) -> int:
    from wizard.headless import adopt  # noqa: PLC0415  only this command needs it

    return adopt.run(options, system, state)


def _doctor(options: argparse.Namespace, system: System, state: Path) -> int:
    from wizard.headless import doctor  # noqa: PLC0415  as above

    return doctor.run(options, system, state)


def _status(options: argparse.Namespace, system: System, state: Path) -> int:
    from wizard import upkeep  # noqa: PLC0415  `list` needs none of it
    from wizard.core import ourselves  # noqa: PLC0415

    some = False
    for row in upkeep.status(system, state):
        some = True
        if options.json:
            JsonLines().row(row.to_json())
            continue
        print(f"{', '.join(row.names)}  ({row.strategy})")
        gone = "" if row.expires else " (there is none that you can read)"
        kept = f"{row.kept_by} gets and renews it, by {row.path}" if row.kept_by else ""
        print(f"  certificate  {kept or f'{row.path}{gone}'}")
        if row.expires:
            left = (row.expires - system.now()).days
            when = f"in {left} days" if left >= 0 else "it has expired"
            print(f"  expires      {row.expires:%Y-%m-%d %H:%M} UTC, {when}")
            renew = ourselves.line(system, state, "renew")
            due = f"due from {row.renew_after:%Y-%m-%d}: {renew}" if row.renew_after else ""
            print(f"  renewal      {due or 'Pomerium renews it by itself'}")
        for drift in row.drift:
            print(f"  differs      would {drift}")
        if not row.drift:
            print("  drift        none: everything is as it was asked for")
        print(f"  undo         {ourselves.line(system, state, 'undo', row.run)}")
    if not some and not options.json:
        from wizard.pomerium.detect import find_installation  # noqa: PLC0415  rarely needed

        print("Nothing is installed yet. To begin: pomcert-wizard")
        found = find_installation(system)
        if found is not None:
            print(f"To go on from {found}: {ourselves.line(system, state, 'adopt')}")
    return _trust(argparse.Namespace(store=[], json=options.json), system, state) if some else 0


def _answers(options: argparse.Namespace, system: System, state: Path) -> int:
    from wizard import export  # noqa: PLC0415
    from wizard.core.answers import Answers, document  # noqa: PLC0415  `list` needs none of it
    from wizard.engine import Session  # noqa: PLC0415
    from wizard.parts import known_questions, strategy  # noqa: PLC0415

    name = options.strategy or next(iter(registry.STRATEGIES))
    session = Session(system, state, Answers({"strategy": name}))
    session.given = Answers({"strategy": name, **strategy(name).example})
    match options.do:
        case "schema":
            schema = export.schema(known_questions(system).every())
            if options.json:
                JsonLines().row({"event": "schema", "schema": schema})
            else:
                print(json.dumps(schema, indent=2))
        case _ if options.json:
            answers = document(session.answers(is_example=True), session.order())
            JsonLines().row({"event": "answers", "answers": answers})
        case _:
            example = session.answers(is_example=True)
            sys.stdout.write(export.commented(example, session.flow.questions()))
    return int(ExitCode.DONE)


def _list(options: argparse.Namespace) -> int:
    for name, title, summary in _listed(options.what):
        if options.json:
            JsonLines().row({"event": "part", "id": name, "title": title, "summary": summary})
        else:
            print(f"{name:20} {title}. {summary}")
    return int(ExitCode.DONE)


def _listed(what: str) -> Iterator[tuple[str, str, str]]:
    """Name, title and summary of everything of one kind."""
    if what == "authorities":
        from wizard.acme.authorities import AUTHORITIES  # noqa: PLC0415  only this list has them

        yield from ((one.id, one.title, one.summary) for one in AUTHORITIES.values())
        return
    tables = {
        "strategies": registry.STRATEGIES,
        "providers": registry.PROVIDERS,
        "stores": registry.STORES,
        "targets": registry.TARGETS,
    }
    for name in tables[what]:
        info = cast("Info", getattr(registry.load(tables[what], name), "info"))  # noqa: B009
        yield name, info.title, info.summary
