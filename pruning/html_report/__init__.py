"""Reports of runs and comparisons: one file each that opens in any browser, without a network or a script."""
