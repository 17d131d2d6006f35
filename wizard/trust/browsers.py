"""Where the browsers of a person keep their NSS databases on Linux: paths only, nothing is opened.

Confirmed with Firefox 153 and Chromium 156 themselves; the forks and Flatpaks follow their
packagers' words. A candidate that is not there costs nothing.
"""

import configparser
import contextlib
from dataclasses import dataclass
from pathlib import Path

from wizard.core.system import System
from wizard.trust.base import is_directory, is_file, matches


@dataclass(frozen=True, slots=True)
class Profiles:
    """A browser with profiles: where its profiles.ini can be, and what starts it."""

    id: str
    title: str
    roots: tuple[str, ...]
    programs: tuple[str, ...] = ()

    def directories(self, system: System) -> list[Path]:
        """The database directory of each profile; none before the browser's first start."""
        roots = (_expand(system, one) for one in self.roots)
        return list(dict.fromkeys(path for root in roots for path in _profiles(root)))

    def here(self, system: System) -> bool:
        """Whether the browser is installed or has left profiles."""
        return bool(self.directories(system)) or any(map(system.which, self.programs))


@dataclass(frozen=True, slots=True)
class Shared:
    """Browsers that share one database: their home and data directory, and what starts them."""

    id: str
    title: str
    home: str = "~"
    data: str = "$DATA"
    programs: tuple[str, ...] = ()

    def directories(self, system: System) -> list[Path]:
        """The database in use, there or to be made, and the other one if it has been in use.

        Chromium since 146 takes the old directory if it is there, even empty, else the one below
        XDG. Relatives of another age may have made both; then each is somebody's.
        """
        old, new = self._both(system)
        used = [one for one in (old, new) if is_file(one / "cert9.db")]
        return list(dict.fromkeys([old if is_directory(old) else new, *used]))

    def here(self, system: System) -> bool:
        """Whether such a browser is installed or has left data."""
        if not self.programs:
            return is_directory(_expand(system, self.home))
        return any(map(system.which, self.programs)) or any(map(is_directory, self._both(system)))

    def _both(self, system: System) -> tuple[Path, Path]:
        home, data = _expand(system, self.home), _expand(system, self.data)
        return home / ".pki/nssdb", data / "pki/nssdb"


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine's own database, which only root can write (CentOS 7 made browsers read it)."""

    id: str = "system"
    title: str = "System NSS database"
    path: str = "/etc/pki/nssdb"
    programs: tuple[str, ...] = ()

    def directories(self, system: System) -> list[Path]:
        """The one directory."""
        return [system.at(self.path)]

    def here(self, system: System) -> bool:
        """Whether it has been made."""
        return is_file(system.at(self.path) / "cert9.db")


Browser = Profiles | Shared | Machine

# `~` is the person's home, `$CONFIG` and `$DATA` the XDG directories.
FIREFOXES = (
    Profiles(
        "firefox",
        "Firefox",
        (
            # Firefox itself looks here first, and below XDG only if this is missing (since 147).
            "~/.mozilla/firefox",
            "$CONFIG/mozilla/firefox",
            "~/snap/firefox/common/.mozilla/firefox",
            "~/snap/firefox/common/.config/mozilla/firefox",
            "~/.var/app/org.mozilla.firefox/.mozilla/firefox",
            "~/.var/app/org.mozilla.firefox/config/mozilla/firefox",
        ),
        ("firefox", "firefox-esr", "firefox-developer-edition", "firefox-nightly"),
    ),
    Profiles(
        "librewolf",
        "LibreWolf",
        (
            "~/.librewolf",
            "$CONFIG/librewolf/librewolf",
            "~/.var/app/io.gitlab.librewolf-community/.librewolf",
        ),
    ),
    Profiles("zen", "Zen", ("~/.zen", "$CONFIG/zen", "~/.var/app/app.zen_browser.zen/.zen")),
    Profiles(
        "waterfox",
        "Waterfox",
        ("~/.waterfox", "$CONFIG/waterfox", "~/.var/app/net.waterfox.waterfox/.waterfox"),
    ),
    Profiles(
        "floorp", "Floorp", ("~/.floorp", "$CONFIG/floorp", "~/.var/app/one.ablaze.floorp/.floorp")
    ),
    Profiles(
        "thunderbird",
        "Thunderbird",
        (
            "~/.thunderbird",
            "$CONFIG/thunderbird",
            "~/snap/thunderbird/common/.thunderbird",
            "~/.var/app/org.mozilla.Thunderbird/.thunderbird",
        ),
    ),
)
CHROMIUMS = (
    Shared(
        "chromium",
        "Chromium, Chrome and relatives",
        programs=(
            "chromium",
            "chromium-browser",
            "google-chrome",
            "google-chrome-stable",
            "microsoft-edge",
            "microsoft-edge-stable",
            "brave",
            "brave-browser",
            "vivaldi",
            "vivaldi-stable",
            "opera",
        ),
    ),
    *(
        Shared(
            f"snap-{snap}",
            f"{title} (snap)",
            f"~/snap/{snap}/current",
            f"~/snap/{snap}/current/.local/share",
        )
        for snap, title in (
            ("chromium", "Chromium"),
            ("brave", "Brave"),
            ("opera", "Opera"),
            ("vivaldi", "Vivaldi"),
        )
    ),
    *(
        Shared(
            f"flatpak-{app}", f"{title} (Flatpak)", f"~/.var/app/{app}", f"~/.var/app/{app}/data"
        )
        for app, title in (
            ("org.chromium.Chromium", "Chromium"),
            ("io.github.ungoogled_software.ungoogled_chromium", "Ungoogled Chromium"),
            ("com.google.Chrome", "Chrome"),
            ("com.brave.Browser", "Brave"),
            ("com.microsoft.Edge", "Edge"),
            ("com.vivaldi.Vivaldi", "Vivaldi"),
            ("com.opera.Opera", "Opera"),
        )
    ),
)

BROWSERS: tuple[Browser, ...] = (*FIREFOXES, *CHROMIUMS, Machine())


def _expand(system: System, path: str) -> Path:
    head, _, rest = path.partition("/")
    base = {
        "$CONFIG": lambda: system.xdg("XDG_CONFIG_HOME", ".config"),
        "$DATA": lambda: system.xdg("XDG_DATA_HOME", ".local/share"),
    }.get(head, lambda: system.person.home)()
    return base / rest


def _profiles(root: Path) -> list[Path]:
    """The profile directories below a Firefox root: those listed, and any other with a database."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with contextlib.suppress(configparser.Error, OSError, UnicodeDecodeError):
        parser.read(root / "profiles.ini", encoding="utf-8-sig")
    listed = []
    for section in parser.sections():
        path = parser.get(section, "Path", fallback="")
        if section.startswith("Profile") and path:
            relative = parser.get(section, "IsRelative", fallback="1") != "0"
            listed.append(root / path if relative else Path(path))
    listed += [path.parent for path in matches(root, "*/cert9.db")]
    return [path for path in dict.fromkeys(listed) if is_directory(path)]
