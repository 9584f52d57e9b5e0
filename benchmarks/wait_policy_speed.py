"""Threads that sleep while they wait, and threads that spin: training on a processor.

    python benchmarks/wait_policy_speed.py

``OMP_WAIT_POLICY`` must be set before PyTorch loads, so every block of steps is a
process of its own; the two policies take turns. The course's default is PASSIVE, which
does not slow other programs down; ACTIVE is for a machine that does nothing else.
Preset ``cifar2012`` on generated scenes.
"""

import argparse
import os
import subprocess
import sys

POLICIES = ("PASSIVE", "ACTIVE")
PRESET = "cifar2012"


def child(precision: str, steps: int) -> None:
    """Train a little; print images a second of the last of three blocks of steps."""
    from cnnlab import data, train

    images = data.load("scenes", "train", n=min(12_800, 3 * steps * 128))
    lines = []
    train.fit(
        PRESET, (images, images.take(range(64))), steps=3 * steps, interval=steps,
        precision=precision, progress=False, on_interval=lines.append,
    )  # fmt: skip
    print(lines[-1]["images_per_s"])


def speed(policy: str, options) -> float:
    """Return images a second under a policy, measured in a process of its own."""
    command = [sys.executable, __file__, "--child", "--precision", options.precision]
    command += ["--steps", str(options.steps)]
    environment = {**os.environ, "OMP_WAIT_POLICY": policy}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return round(float(run.stdout.split()[-1]), 1)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", default="bf16", choices=("bf16", "fp32"))
    parser.add_argument("--steps", type=int, default=50, help="of one block")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.precision, options.steps)
        return
    import _turns
    import torch

    found = {policy: [] for policy in POLICIES}
    for _ in range(options.rounds):
        for policy in POLICIES:
            found[policy].append(speed(policy, options))
    gain = _turns.ratio(found["ACTIVE"], found["PASSIVE"])
    print(found, f"ACTIVE is {gain['median']:.2f} times as fast")
    payload = {"preset": PRESET, "precision": options.precision}
    payload |= {"images_per_s": found, "active_to_passive": gain}
    _turns.store("wait_policy_speed", torch.device("cpu"), payload)


if __name__ == "__main__":
    main()
