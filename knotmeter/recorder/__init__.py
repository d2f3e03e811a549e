"""The recorder: both buses in day-partitioned Parquet, every message once, and the streams kept short.

A recording is a folder. Its `manifest.json` says which files belong to it and how far it has got; it is
replaced atomically, after the files it names are on disk. Whatever it does not name does not exist.
"""
