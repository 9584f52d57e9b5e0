"""The helper package of the course: plain functions, one idea in one place.

Importing ``cnnlab`` loads nothing heavy. Import the module you need:
``from cnnlab import data, neighbors``.
"""

import os

# Threads that spin while they wait starve each other when cores are shared;
# PASSIVE lets them sleep. It must be set before torch or scikit-learn loads OpenMP.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
