"""Benchmarks: ratios against netplan and a bare interpreter, measured side by side in one run."""
