"""The loads W1 to W7, W1 among a million rows, and where the time goes."""
