"""Threads that sleep while they wait, and threads that spin: training on a processor.

    python benchmarks/wait_policy_speed.py

How threads wait must be set before PyTorch loads, so every block of steps is a process
of its own, and the ways take turns: alone, and beside one program that computes all the
time. PASSIVE is the course's default. ACTIVE is for a machine that does nothing else
for as long as the run lasts. SPIN is what ``python -m cnnlab.train`` chooses where the
machine is idle when it begins: asleep, after spinning for a moment. Preset
``cifar2012`` on generated scenes.
"""

import argparse
import os
import subprocess
import sys

from cnnlab import _waiting

SPIN = "GOMP_SPINCOUNT"
POLICIES = ("PASSIVE", "SPIN", "ACTIVE")
PRESET = "cifar2012"
RIVAL = [sys.executable, "-c", "while True: pass"]


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


def speed(policy: str, options, rivals: int = 0) -> float:
    """Return images a second under a policy, measured in a process of its own.

    ``rivals`` is the number of other programs that compute all the while.
    """
    command = [sys.executable, __file__, "--child", "--precision", options.precision]
    steps = options.steps // 10 if rivals else options.steps  # ACTIVE takes ages there
    command += ["--steps", str(max(1, steps))]
    environment = {name: v for name, v in os.environ.items() if name != SPIN}
    environment["OMP_WAIT_POLICY"] = policy.replace("SPIN", "PASSIVE")
    if policy == "SPIN":
        environment[SPIN] = str(_waiting.SPINS)
    beside = [subprocess.Popen(RIVAL) for _ in range(rivals)]
    try:
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
    finally:
        for rival in beside:
            rival.kill()
            rival.wait()
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

    alone, beside = ({policy: [] for policy in POLICIES} for _ in range(2))
    for _ in range(options.rounds):
        for policy in POLICIES:
            alone[policy].append(speed(policy, options))
            beside[policy].append(speed(policy, options, rivals=1))
    payload = {"preset": PRESET, "precision": options.precision}
    payload |= {"spins": _waiting.SPINS, "images_per_s": alone}
    payload["images_per_s_beside_one_program"] = beside
    for policy in ("SPIN", "ACTIVE"):
        for place, found in (("", alone), ("_beside_one_program", beside)):
            gain = _turns.ratio(found[policy], found["PASSIVE"])
            payload[f"{policy.lower()}_to_passive{place}"] = gain
            print(f"{policy}{place}: {gain['median']:.2f} times PASSIVE", found)
    _turns.store("wait_policy_speed", torch.device("cpu"), payload)


if __name__ == "__main__":
    main()
