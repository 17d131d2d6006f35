"""Side by side with the tools people use today: whole commands, in turn, on one machine."""
