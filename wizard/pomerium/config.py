"""Reading, editing and writing Pomerium's configuration: what the rest of the wizard uses."""

from wizard.pomerium.certificates import Covered, Edit, serving_all, with_certificate
from wizard.pomerium.document import Document, parse, read
from wizard.pomerium.merge import with_settings
from wizard.pomerium.new_config import new_config
from wizard.pomerium.redact import MASK, redacted

__all__ = [
    "MASK",
    "Covered",
    "Document",
    "Edit",
    "new_config",
    "parse",
    "read",
    "redacted",
    "serving_all",
    "with_certificate",
    "with_settings",
]
