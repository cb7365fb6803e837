"""Speed shown as ratios against the naive way, run side by side on the same machine."""
