"""What notebook 14 claims of neighbours and of saliency, over draws and shuffles.

    python benchmarks/looking_inside.py

Neighbours: five draws of patches and of scenes, 100 queries each, the five nearest of
200 others; the network that ships with the course, a network of random weights (another
start each time), pixels, counted colours and counted edges. Saliency: the mean rank
correlation of 12 photographs' maps with those of the network whose last layers were
shuffled, by another seed each time; signed: the same for the gradient itself. One
thread; about a minute.
"""

import copy

import torch

from cnnlab import attribution, data, inside, nets, train
from cnnlab.course import records

LAYERS = ("relu1", "relu2", "relu3", "relu5", "relu7")
DRAWS, SHUFFLES, COUNTS = 5, 3, (1, 4, 7, 8)


def score(queries, bank, held, known) -> float:
    rows = [torch.as_tensor(one).flatten(1) for one in (queries, bank)]
    places, _ = inside.feature_neighbours(*rows, 5)
    return round(inside.neighbour_score(places, held.labels, known.labels), 3)


def compared(subject, untrained, held, known, zoom: int) -> dict:
    a, b = (one.images.repeat(zoom, 2).repeat(zoom, 3) for one in (held, known))
    xa, xb = subject.ready(a), subject.ready(b)
    found = {}
    for name, net in (("trained", subject.net), ("untrained", untrained)):
        fa, fb = (attribution.activations(net, x, LAYERS) for x in (xa, xb))
        found[name] = {n: score(fa[n], fb[n], held, known) for n in LAYERS}
    colours = (inside.colours_counted(a), inside.colours_counted(b))
    edges = (inside.edges_counted(a), inside.edges_counted(b))
    return {
        **found,
        "pixels": score(xa, xb, held, known),
        "colours": score(*colours, held, known),
        "edges": score(*edges, held, known),
    }


def neighbours(subject) -> dict:
    rows = {"patches": [], "scenes": []}
    for seed in range(DRAWS):
        untrained = nets.initialise(copy.deepcopy(subject.net), "he", seed).eval()
        held = data.load("patches", "test", size=64, per_class=10, seed=seed)
        known = data.load("patches", size=64, per_class=20, seed=seed)
        rows["patches"].append(compared(subject, untrained, held, known, 1))
        held = data.load("scenes", "val", n=100, severity=0.5, seed=seed)
        known = data.load("scenes", n=200, severity=0.5, seed=seed)
        rows["scenes"].append(compared(subject, untrained, held, known, 2))
    return rows


def gradient(net, x, target):
    """Return what `inside.saliency` takes the largest absolute value of."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(net(x)[:, target].sum(), x)[0]


def kept(subject, kind) -> list:
    images = data.load("photos", size=subject.side).images
    x = subject.ready(images)
    answers = subject.shares(images).argmax(axis=1).tolist()

    def maps(net):
        pairs = enumerate(answers)
        return [kind(net, x[[n]], answer)[0] for n, answer in pairs]

    trained = maps(subject.net)
    return [
        {
            str(count): round(
                inside.likeness(
                    trained, maps(attribution.randomised(subject.net, count, seed))
                ),
                3,
            )
            for count in COUNTS
        }
        for seed in range(SHUFFLES)
    ]


def main() -> None:
    torch.set_num_threads(1)
    subject = inside.subject(train.shipped("photo"))
    payload = {
        "neighbours": neighbours(subject),
        "saliency": kept(subject, inside.saliency),
        "signed": kept(subject, gradient),
    }
    print(
        records.write("looking_inside", payload, "python benchmarks/looking_inside.py")
    )


if __name__ == "__main__":
    main()
