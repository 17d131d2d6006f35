"""The front ends without a screen: lines for people, JSON for programs, prompts for both hands."""
