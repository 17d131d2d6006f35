"""What every part shares; the standard library only."""
