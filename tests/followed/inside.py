"""The exercises of notebook 14, written by following their hints to the letter."""

import numpy as np
import torch


def saliency(net, x, target):
    x = x.detach().clone().requires_grad_()
    score = net(x)[:, target].sum()
    [gradient] = torch.autograd.grad(score, x)
    return gradient.abs().amax(dim=1)


def occlusion_map(net, x, target, window, stride):
    whole = net(x)[:, target]
    rows = []
    for top in range(0, x.shape[2] - window + 1, stride):
        row = []
        for left in range(0, x.shape[3] - window + 1, stride):
            covered = x.clone()
            covered[:, :, top : top + window, left : left + window] = 0
            row.append(whole - net(covered)[:, target])
        rows.append(torch.stack(row, dim=1))
    return torch.stack(rows, dim=1)


def grad_cam(lower, upper, x, target):
    maps = lower(x).detach().requires_grad_()
    [gradient] = torch.autograd.grad(upper(maps)[:, target].sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * maps).sum(dim=1).relu()


def feature_neighbours(queries, bank, k):
    distances = torch.cdist(queries, bank)
    ordered, places = distances.sort(dim=1, stable=True)
    return places[:, :k], ordered[:, :k]


def tower_test(values, shuffles=2000, seed=0):
    rng = np.random.default_rng(seed)
    half = len(values) // 2
    found = abs(values[:half].mean() - values[half:].mean())
    count = 1
    for _ in range(shuffles):
        order = rng.permutation(values)
        gap = abs(order[:half].mean() - order[half:].mean())
        count += bool(gap >= found - 1e-12)
    return count / (shuffles + 1)


def fooled(photo):
    from cnnlab import inside, train

    found = inside.subject(train.shipped("photo"))
    target = int(found.shares(photo[None]).argmax())
    changed, untouched = photo.copy(), np.ones((64, 64), bool)
    for _ in range(40):
        x = found.ready(changed[None]).requires_grad_()
        scores = found.net(x)
        if int(scores.argmax()) != target:
            break
        scores[0, target].backward()
        slope = np.zeros(photo.shape)
        slope[:, 4:60, 4:60] = x.grad[0].numpy()
        goal = np.where(slope > 0, 0, 255)
        gain = (abs(slope) * abs(goal - changed.astype(float))).sum(axis=0)
        row, column = divmod(int((gain * untouched).argmax()), 64)
        untouched[row, column] = False
        changed[:, row, column] = goal[:, row, column]
    return changed
