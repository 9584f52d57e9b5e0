"""What the checks of notebook 09 say to answers that the mistakes do not hold."""

import numpy as np
import pytest

from cnnlab import checks, clinic, grads, layers

pytestmark = pytest.mark.usefixtures("no_progress")


def unpacked(x, net):
    caches = []
    for forward, _, weights in net:
        x, cache = forward(x, *weights)
        caches += [cache]
    return x, tuple(caches)


def from_the_end(dout, net, caches):
    found = []
    for place in range(len(net))[::-1]:
        dout, *own = net[place].backward(dout, caches[place])
        found.append(own)
    return found[::-1]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("relu_backward", lambda dout, x: np.where(x > 0, dout, 0)),
        ("affine_backward",
         lambda d, x, w: (d @ w, np.einsum("nk,nd->kd", d, x), d.sum(0))),
        ("forward_all", unpacked),
        ("backward_all", from_the_end),
        ("diagnose", lambda: {"A": "c", "B": "e", "C": "a", "D": "d"}),
        ("diagnose", lambda: ["(c)", "E", "a", "d"]),
        ("diagnose", lambda: "c, e, a, d"),
        ("diagnose", lambda: "(c)(e)(a)(d)"),
        ("diagnose", lambda: "A: c, B: e, C: a, D: d"),
    ],
)  # fmt: skip
def test_another_way_of_writing_it_is_right(name, answer):
    assert checks.EXERCISES[name](answer).passed


@pytest.mark.parametrize(
    ("name", "answer", "word"),
    [
        ("relu_backward", lambda dout, x: np.maximum(x, 0), ""),
        ("affine_backward", lambda d, x, w: (d @ w, d.T @ x), "dx, dw, db"),
        ("affine_backward", lambda d, x, w: (
            d @ w, d.T @ x, d.sum(0, keepdims=True)), "db"),
        ("forward_all", lambda x, net: net[0].forward(x), ""),
        ("sgd_train", lambda net, x, y, batches, rate, momentum=0.9: x, "an array"),
        ("diagnose", lambda: "cea", "four letters"),
        ("diagnose", lambda: "ceaz", "from a to f"),
        ("diagnose", lambda: 4, "four letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(name, answer, word):
    verdict = checks.EXERCISES[name](answer)
    assert not verdict.passed and word in verdict.text, verdict
    assert "The check itself failed" not in verdict.text


def test_a_relu_that_writes_into_its_blame_is_told():
    def answer(dout, x):
        dout[x <= 0] = 0
        return dout

    assert checks.relu_backward(answer).status == "changed its input"


def unwritten(x, layers):
    raise NotImplementedError


def test_a_stub_that_an_answer_calls_is_not_taken_for_the_answer():
    def answer(net, x, y, batches, rate, momentum=0.9):
        return unwritten(x, net)

    verdict = checks.sgd_train(answer)
    assert verdict.status == "raised" and "`unwritten`" in verdict.text, verdict


def test_the_untouched_bug_gives_what_the_task_says():
    broken = checks.worst_error.broken
    assert broken(np.array([1.0]), np.array([3.0])) == -0.5
    assert checks.worst_error(broken).status == "not attempted"
    assert checks.worst_error(grads.relative_error, "c").status == "wrong cause"


def test_the_diagnosis_is_that_of_the_patients():
    for letter, patient in zip(
        clinic.diagnose(), clinic.PATIENTS.values(), strict=True
    ):
        assert clinic.treated(patient, letter) == clinic.Patient()


def test_an_answer_in_the_task_s_own_words_can_be_saved():
    assert "Later cells and notebooks run yours" in checks.sgd_train(train).text


step_all = layers.step_all


def train(layers, x, y, batches, rate, momentum=0.9):
    from cnnlab import yours

    velocity = None
    for batch in batches:
        scores, caches = yours.forward_all(x[batch], layers)
        dscores = grads.cross_entropy_backward(scores, y[batch])
        gradients = yours.backward_all(dscores, layers, caches)
        layers, velocity = step_all(layers, velocity, gradients, rate, momentum)
    return layers
