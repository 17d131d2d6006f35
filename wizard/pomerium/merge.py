"""Settings of the top level, given their values in place; everything else is left alone."""

from wizard.core.secrets import Secret
from wizard.pki.material import Settings
from wizard.pomerium.certificates import Edit
from wizard.pomerium.document import Document, lookup, string
from wizard.pomerium.edit import Editor
from wizard.pomerium.lint import problems
from wizard.pomerium.variables import TRUE

Plain = dict[str, str | bool]


def with_settings(document: Document, settings: Settings) -> Edit:
    """The configuration with these settings; its own result comes back unchanged.

    A setting that has its value already keeps the way it is written, and an empty or false one is
    written only over another value.

    Raises:
        WizardError: `config-anchor-shared`, `config-edit-unproven`.

    """
    editor = Editor(document)
    for name, value in revealed(settings).items():
        if standing(document, name, value) != value:
            editor.set(document.root, name, value)
    text = editor.finish()
    notices = tuple(problem.text for problem in problems(document))
    return Edit(text, notices, text != document.encode(document.text))


def standing(document: Document, name: str, like: str | bool) -> str | bool | None:  # noqa: FBT001
    """What a setting says now, read as Pomerium reads a value of this type; None for a list."""
    node = lookup(document.root, name)
    if node is not None and node.kind != "scalar":
        return None
    text = string(node) or ""
    return text.lower() in TRUE if isinstance(like, bool) else text


def revealed(settings: Settings) -> Plain:
    """The settings as Pomerium reads them, secrets included: for its file and for nothing else."""
    return {
        name: value.reveal().decode() if isinstance(value, Secret) else value
        for name, value in settings.items()
    }


def masked(settings: Settings, mask: str) -> Plain:
    """The settings as people may see them."""
    return {name: mask if isinstance(value, Secret) else value for name, value in settings.items()}
