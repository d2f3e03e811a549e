#!/bin/sh
# Runs one command of Knotmeter. numba asks for a cache that it could write to, and the image is read-only: the
# compiled kernels are copied to a tmpfs first, with their modification times, by which numba knows them.
set -eu

mkdir -p "$NUMBA_CACHE_DIR"
cp -R --preserve=mode,timestamps /opt/knotmeter/kernels/. "$NUMBA_CACHE_DIR"
exec "$@"
