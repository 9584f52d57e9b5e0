"""Fast paths of a GPU, one place for all of them; ``engine="eager"`` uses none.

``network.Fast`` computes a network of ``nets``, ``batches.Batches`` does what
``augment.for_training`` does, ``update.step`` what ``sgd.Momentum`` does. Each equals
the code it stands in for, by test: on a processor too, where Triton's interpreter runs
the kernels. Import the modules only where there is Triton.
"""
