"""Compile every kernel of ``cnnlab.cuda`` for an H100, on a machine without a GPU.

Run as a script: Triton's launcher is replaced in the whole process. A line for each
kernel: its name, and the bytes of shared memory that it takes.
"""

import torch


class Driver:
    """As much of a GPU's driver as compiling asks for."""

    def get_current_device(self):
        return 0

    def get_current_stream(self, device=None):
        return 0

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def map_python_to_cpp_type(self, kind):
        return kind


def only_compile() -> None:
    """Replace Triton's driver and launcher: a launch compiles, and says so."""
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    launch = JITFunction.run

    def compiled(self, *arguments, grid, warmup, **options):
        kernel = launch(self, *arguments, grid=grid, warmup=True, **options)
        assert "cubin" in kernel.asm  # machine code, not only PTX
        print(self.fn.__name__, kernel.metadata.shared, flush=True)

    driver.set_active(Driver())
    JITFunction.run = compiled


def main() -> None:
    only_compile()

    from cnnlab import nets
    from cnnlab.cuda import batches, layers, network, update
    from cnnlab.train import presets, sgd

    layers._parts = lambda x: 2  # as on a GPU
    layers.block_of = update.block_of = lambda x: layers.BLOCK
    recipe = presets.load("krizhevsky2012")
    net = nets.build("alexnet", hidden=16, num_classes=4, **recipe.options)
    fast = network.Fast(net.to(memory_format=torch.channels_last), torch.bfloat16)
    fast(torch.zeros(1, *net.image)).float().sum().backward()
    steps = sgd.Momentum(net, recipe)
    update.step(steps, fast.copies, torch.zeros(len(steps.groups)))
    for resized in (False, True):
        fields = {
            "seed": 1, "crop": 224, "chunk": 32, "resized": resized, "colour_std": 0.1,
            "mean": torch.zeros(3, 256, 256), "scale": torch.ones(3), "erase": 16,
            "colour": (torch.ones(3), torch.eye(3)),
        }  # fmt: skip
        make = batches.Batches(
            1,
            (3, 256, 256),
            fields,
            "cpu",
            torch.bfloat16,
            fast.fold,
            fast.seen,
            fast.border,
        )
        images = torch.zeros(1, 3, 256, 256, dtype=torch.uint8)
        make(images, torch.zeros(1, dtype=torch.int64), 0, fields)


if __name__ == "__main__":  # pytest imports it, to look for examples
    main()
