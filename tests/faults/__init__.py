"""The fault harness: a whole Sntry of its own, broken on purpose, and one scoreboard of what came of it."""
