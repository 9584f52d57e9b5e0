"""Images packed once into plain bytes on the disk, and read back at memory speed.

``pack`` turns a folder of images, one folder a class, into a *store*: the decoded
pixels of a split one after another, their labels, and a header. Training then reads
whole batches from it without decoding anything. ``python -m cnnlab.packed SOURCE
STORE`` does the same from the command line.
"""

from cnnlab.packed.pack import Report, pack
from cnnlab.packed.reader import Batch, Feeder, order
from cnnlab.packed.store import Packed, open_store, splits, verify

open = open_store  # packed.open, as gzip.open and zipfile's

__all__ = [
    "Batch",
    "Feeder",
    "Packed",
    "Report",
    "open",
    "order",
    "pack",
    "splits",
    "verify",
]
