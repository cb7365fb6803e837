"""Root-cause notes: what is wrong with a charger and what to do about it, in words, for the person who goes there."""
