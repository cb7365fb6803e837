"""Prices, decided for the whole network at once: arrays and Decimals in, the same out."""
