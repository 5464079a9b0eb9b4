"""Keeps pytest's doctests off the compiler of this folder, which needs the extra `tracr`."""

collect_ignore = ["compile_rasp.py"]
