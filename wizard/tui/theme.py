"""The colours, in one theme. Every state also has a sign and a word; see `words`."""

from typing import Final

from textual.theme import Theme

POMCERT: Final = Theme(
    name="pomcert",
    primary="#7C5CFF",
    secondary="#9D86FF",
    accent="#B794F6",
    foreground="#E7E5F2",
    background="#12101C",
    surface="#1A1728",
    panel="#241F38",
    success="#3DD68C",
    warning="#F5C451",
    error="#FF6B6B",
    dark=True,
    variables={
        "foreground-muted": "#A29DBB",
        "foreground-faint": "#8680A3",
        "border": "#7C5CFF",
        "border-blurred": "#3A3354",
        "block-cursor-background": "#2E2650",
        "block-cursor-foreground": "#FFFFFF",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#1F1B30",
        "block-cursor-blurred-foreground": "#E7E5F2",
        "footer-background": "#12101C",
        "footer-foreground": "#A29DBB",
        "footer-key-foreground": "#B794F6",
        "footer-description-foreground": "#A29DBB",
        "input-cursor-background": "#E7E5F2",
        "input-cursor-foreground": "#12101C",
        "input-selection-background": "#7C5CFF 45%",
        "scrollbar": "#3A3354",
        "scrollbar-hover": "#7C5CFF",
        "scrollbar-active": "#7C5CFF",
        "scrollbar-background": "#12101C",
        "scrollbar-background-hover": "#12101C",
        "scrollbar-background-active": "#12101C",
        "scrollbar-corner-color": "#12101C",
    },
)
