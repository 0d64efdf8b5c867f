"""Loops over bytes, compiled: what the bulk fold does to each of millions of events.

Everything here is plain functions over arrays, in the part of Python that Numba compiles: no
objects, no exceptions, and no lock of the interpreter while they run. They know JSON, hashes and
sums, and nothing of metrics.
"""
