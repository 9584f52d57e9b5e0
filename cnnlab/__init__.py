"""The helper package of the course: plain functions, one idea in one place.

Importing ``cnnlab`` loads nothing heavy. Import the module you need:
``from cnnlab import data, neighbors``.
"""

import itertools
import os
import sys

# Threads that spin while they wait starve each other when cores are shared;
# PASSIVE lets them sleep. It must be set before torch or scikit-learn loads OpenMP.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if ("-m", "cnnlab.train") in itertools.pairwise(sys.orig_argv):
        from cnnlab import _waiting  # before the package it runs in imports torch

        _waiting.spin_if_idle()

__version__ = "0.1.0"
