"""What Pomerium's configuration will say once it is written, and which variables win over it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from wizard.core.answers import Answers
from wizard.pki.material import Settings
from wizard.pomerium.variables import SYSTEMD, Dialect, overridden
from wizard.targets.output import is_variables

BESIDE: Final = ("CERTIFICATE", "CERTIFICATE_FILE", "AUTOCERT")
"""Variables that bring other certificates without overriding any setting of ours."""


def standing(answers: Answers, brings: Settings, dialect: Dialect = SYSTEMD) -> Mapping[str, str]:
    """The settings that the configuration will have, and the value of each that is one text.

    Raises:
        WizardError: it is there and cannot be read.
    """
    path = Path(answers.text("output.config"))
    brought = {name: value if isinstance(value, str) else "" for name, value in brings.items()}
    if not path.is_file():
        address = answers.text("output.address")
        return {"address": address, "shared_secret": "", "cookie_secret": "", **brought}
    if is_variables(answers):
        found = dialect.read(path.read_text("utf-8", "replace"))
        return {name.lower(): value for name, value in found.items()} | brought
    from wizard.pomerium.document import follow, read, string  # noqa: PLC0415  ruamel.yaml costs 25 ms

    document = read(path)
    pairs = document.root.pairs if document and document.root else ()
    return {key.value.lower(): string(follow(value)) or "" for key, value in pairs} | brought


def beaten(
    variables: Mapping[str, tuple[str, str]], standing: Mapping[str, str], config: str
) -> Iterator[str]:
    """What to say about variables that win over the configuration, or bring other certificates.

    One that says the same does no harm.

    Args:
        variables: each with its value and the place that sets it.
        standing: the settings of the configuration.
        config: its path.
    """
    values = {name: value for name, (value, _) in variables.items()}
    for key, variable in overridden(values, standing).items():
        if values[variable] == standing[key]:
            continue
        yield (
            f"{variable} in {variables[variable][1]} wins over `{key}` in {config}: "
            "delete one of the two."
        )
    for variable in BESIDE:
        if values.get(variable) and variable.lower() not in standing:
            yield (
                f"{variable} in {variables[variable][1]} brings other certificates, which may be "
                "served instead of this one."
            )
