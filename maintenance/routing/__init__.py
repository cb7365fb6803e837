"""Roads: how long drives take, in which order to make them, what to say on the way, and who should go where."""
