"""What leaves the program: a pruned network as files, for PyTorch and for other runtimes."""
