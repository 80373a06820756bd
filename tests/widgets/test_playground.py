"""The playground's numbers are Python's and PyTorch's, and everything in it answers to a hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from traitlets import TraitError

from utils.widgets.playground import DATA, MLPPlayground, forward, loss_and_gradients, make_points

SETTINGS = [
    {"data": "xor"},
    {"data": "circles", "hidden": [5, 3], "activation": "tanh", "learning_rate": 0.5},
    {"data": "moons", "hidden": [8, 8, 8], "loss_function": "squared error"},
    {"data": "spiral", "hidden": [1, 1, 1], "activation": "tanh", "loss_function": "squared error"},
]


@pytest.fixture(autouse=True)
def quick_picture(request, monkeypatch) -> None:
    """The picture costs a second and these tests do not look at it, but for the one that does."""
    if "picture" not in request.node.name:
        one_pixel = b"\x89PNG\r\n\x1a\n" + b"\0" * 25
        monkeypatch.setattr(MLPPlayground, "png", lambda self: one_pixel)


def test_picture_is_small_and_follows_the_state() -> None:
    figure = MLPPlayground(hidden=[2, 3])
    first = figure.png()
    assert first[:4] == b"\x89PNG" and len(first) < 50_000
    figure.descend(100)
    assert figure.png() != first
    figure.points = []
    assert figure.png() != first


def twin(figure: MLPPlayground):
    """The figure's network as PyTorch layers with the figure's weights, in float64."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for layer in figure.weights:
        W = torch.tensor(layer["W"], dtype=torch.float64)
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = W, torch.tensor(layer["b"], dtype=torch.float64)
        layers += [linear, nn.ReLU() if figure.activation == "relu" else nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def torch_loss(figure: MLPPlayground, net):
    import torch
    import torch.nn.functional as F

    points = torch.tensor(figure.points, dtype=torch.float64)
    z, y = net(points[:, :2])[:, 0], points[:, 2]
    if figure.loss_function == "cross-entropy":
        return F.binary_cross_entropy_with_logits(z, y)
    return F.mse_loss(z, 2 * y - 1)


def close(ours: list, theirs: list, tolerance: float = 1e-6) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        for key in ("W", "b"):
            np.testing.assert_allclose(a[key], b[key], rtol=tolerance, atol=tolerance)


def shown(page) -> dict[str, float]:
    """What the page says in text: step, loss and share of right points."""
    read = "all => all.map(one => [one.className.slice(3), Number(one.value)])"
    return dict(page.root.locator("data").evaluate_all(read))


def plane(page, x1: float, x2: float) -> tuple[float, float]:
    """Where a point of the plane is on the screen."""
    canvas = page.root.get_by_role("application")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    return box["x"] + (x1 + 2) / 4 * box["width"], box["y"] + (2 - x2) / 4 * box["height"]


def words(page) -> str:
    return page.root.locator(".fig-note").inner_text()


def press(page, name: str, times: int = 1) -> None:
    for _ in range(times):
        page.root.get_by_role("button", name=name, exact=True).click()


def choose(page, name: str, option: str) -> None:
    page.root.get_by_role("combobox", name=name, exact=True).select_option(label=option)


def rate(page, key: str) -> None:
    page.root.get_by_role("slider", name="Learning rate").press(key)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["data"])
def test_python_has_pytorchs_loss_and_gradients(settings: dict) -> None:
    import torch

    figure = MLPPlayground(**settings, trained=3)
    net = twin(figure)
    loss = torch_loss(figure, net)
    loss.backward()
    value, gradients = loss_and_gradients(
        figure.weights, figure.activation, figure.loss_function, figure.points
    )
    assert value == pytest.approx(loss.item(), abs=1e-12) and figure.loss == value
    linears = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    theirs = [{"W": one.weight.grad.tolist(), "b": one.bias.grad.tolist()} for one in linears]
    close(gradients, theirs, 1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings["data"])
def test_page_trains_as_python_and_pytorch_do(mount, settings: dict) -> None:
    import torch

    figure = MLPPlayground(**settings, trained=5)
    net = twin(figure)
    page = mount(figure)
    assert shown(page)["loss"] == pytest.approx(figure.loss, abs=1e-9)
    press(page, "Train 50 steps")
    press(page, "Step", times=10)
    figure.descend(60)
    optimizer = torch.optim.SGD(net.parameters(), lr=figure.learning_rate)
    for _ in range(60):
        optimizer.zero_grad()
        torch_loss(figure, net).backward()
        optimizer.step()
    there = shown(page)
    assert there["steps"] == figure.steps == 65
    assert there["loss"] == pytest.approx(figure.loss, abs=1e-6)
    assert there["loss"] == pytest.approx(torch_loss(figure, net).item(), abs=1e-6)
    assert page.get("loss") == pytest.approx(figure.loss, abs=1e-6)
    close(page.get("weights"), figure.weights)
    x, y = np.split(np.array(figure.points), [2], axis=1)
    z = forward(figure.weights, figure.activation, x)[-1]
    assert there["right"] == pytest.approx(np.mean((z > 0) == (y == 1)))


def test_page_makes_the_same_points_and_weights_as_python(mount) -> None:
    page = mount(MLPPlayground())
    names = ["XOR", "Circles", "Moons", "Spiral", "Two clouds", "My own (empty)"]
    for data, name in list(zip(DATA, names))[::-1]:
        choose(page, "Data", name)
        assert page.get("points") == make_points(data)
    press(page, "Start over")
    choose(page, "Activation", "tanh")
    choose(page, "Layers", "3")
    press(page, "One unit more in layer 2", times=2)
    press(page, "One unit fewer in layer 3", times=3)
    figure = MLPPlayground(hidden=[4, 6, 1], activation="tanh", seed=2, trained=0)
    assert page.get("hidden") == figure.hidden and page.get("seed") == 2
    close(page.get("weights"), figure.weights, 1e-12)
    assert shown(page) == {
        "steps": 0,
        "loss": pytest.approx(figure.loss),
        "right": page_right(page),
    }


def page_right(page) -> float:
    return shown(page)["right"]


def test_pointer_drags_adds_and_removes(mount) -> None:
    figure = MLPPlayground()
    page = mount(figure)
    mouse = page.page.mouse
    x1, x2, _ = figure.points[7]
    mouse.move(*plane(page, x1, x2))
    mouse.down()
    mouse.move(*plane(page, 1.5, 1.9), steps=4)
    mouse.up()
    moved = page.get("points")
    changed = [i for i, point in enumerate(moved) if point != figure.points[i]]
    assert len(changed) == 1 and moved[changed[0]][:2] == pytest.approx([1.5, 1.9], abs=0.15)
    press(page, "◆ Orange")
    mouse.click(*plane(page, 0.02, -1.96))
    assert page.get("points")[100] == pytest.approx([0.02, -1.96, 0], abs=0.02)
    figure.points = page.get("points")
    assert shown(page)["loss"] == pytest.approx(figure.loss, abs=1e-9) and figure.steps == 60
    press(page, "Remove")
    mouse.click(*plane(page, 0.02, -1.96))
    assert page.get("points") == moved
    press(page, "Reset the points")
    assert page.get("points") == make_points("xor")


def test_finger_adds_a_point_on_a_phone(mount) -> None:
    page = mount(MLPPlayground(), screen=(390, 844), width=358, has_touch=True, is_mobile=True)
    page.page.touchscreen.tap(*plane(page, 0.02, -1.96))
    assert page.get("points")[100][2] == 1
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_keyboard_moves_adds_and_removes(mount) -> None:
    figure = MLPPlayground()
    page = mount(figure)
    page.root.get_by_role("application").focus()
    keys = page.page.keyboard
    for key in ("PageDown", "PageDown", "ArrowRight", "Shift+ArrowUp"):
        keys.press(key)
    x1, x2, y = figure.points[1]
    assert page.get("points")[1] == pytest.approx([x1 + 0.05, x2 + 0.5, y], abs=1e-6)
    assert "point 2 at" in page.root.locator(".fig-live").inner_text()
    keys.press("Enter")
    assert len(page.get("points")) == 101
    keys.press("Delete")
    keys.press("Delete")
    assert len(page.get("points")) == 99


def test_too_large_a_learning_rate_is_said_in_words_and_there_is_a_way_back(mount) -> None:
    page = mount(MLPPlayground(loss_function="squared error"))
    before, loss = page.get("weights"), page.get("loss")
    rate(page, "End")
    assert page.get("learning_rate") == 100
    press(page, "Train 50 steps")
    assert "Diverged in step" in words(page) and "no longer a finite number" in words(page)
    assert page.get("diverged") is True and page.get("loss") is None
    assert "not finite" in page.root.locator(".pg-facts").inner_text()
    assert np.all(np.isfinite(np.concatenate([np.ravel(one["W"]) for one in page.get("weights")])))
    json.dumps(page.get("history"), allow_nan=False)
    press(page, "Back to step 60, rate 10")
    assert page.get("weights") == before and page.get("learning_rate") == 10
    assert page.get("diverged") is False and page.get("steps") == 60
    for _ in range(6):
        rate(page, "ArrowLeft")
    assert page.get("learning_rate") == 0.1
    press(page, "Train 50 steps")
    assert page.get("loss") < loss and "Diverged" not in words(page)


def test_cross_entropy_thrashes_instead(mount) -> None:
    page = mount(MLPPlayground(activation="tanh"))
    rate(page, "End")
    press(page, "Train 50 steps")
    assert "far worse than a guess" in words(page)
    press(page, "Back to step 60, rate 10")
    assert page.get("steps") == 60


def test_python_diverges_at_the_same_step(mount) -> None:
    figure = MLPPlayground(data="moons", loss_function="squared error", activation="tanh")
    figure.learning_rate = 3.0
    page = mount(figure)
    while page.get("diverged") is False:
        press(page, "Train 50 steps")
    assert figure.descend(400) is None and figure.diverged
    assert abs(page.get("steps") - figure.steps) <= 2  # where chaos has amplified rounding
    figure.learning_rate = 0.1
    figure.restart()
    assert not figure.diverged and figure.loss is not None


def test_odd_data(mount) -> None:
    page = mount(MLPPlayground(trained=0))
    for points, says in (
        ([], "No points"),
        ([[0.5, 0.5, 1]], "All points are blue"),
        ([[0.5, 0.5, 0], [1, 1, 0]], "All points are orange"),
    ):
        page.set("points", points)
        assert says in words(page)
        press(page, "Step")
        press(page, "Train 50 steps")
        assert says in words(page) and page.get("diverged") is False


def test_python_sets_and_page_shows(mount) -> None:
    """As from a kernel: new weights arrive with their shape, and the page computes their loss."""
    figure = MLPPlayground(hidden=[2], trained=0)
    page = mount(figure)
    hand = [
        {"W": [[1.0, 1.0], [1.0, 1.0]], "b": [1.0, -1.0]},
        {"W": [[1.0, -2.0]], "b": [-0.5]},
    ]
    figure.weights = hand
    page.set("weights", hand)
    assert shown(page)["loss"] == pytest.approx(figure.loss, abs=1e-12)
    with pytest.raises(TraitError, match=r"hidden = \[2\] needs"):
        figure.weights = hand[:1]
    page.root.locator("summary").click()
    page.root.locator("td").first.wait_for()  # the table is filled once it is open
    cells = page.root.locator("td").all_inner_texts()
    expected = ["1.000"] * 5 + ["−1.000", "1.000", "−2.000", "−0.500"]
    assert cells == expected


def test_python_takes_what_the_browser_sends(mount) -> None:
    """In one message, as JupyterLab does; Python must not start over, nor correct it."""
    figure = MLPPlayground(loss_function="squared error")
    page = mount(figure)

    def send() -> None:
        sent = {name: page.get(name) for name in figure.values()}
        figure.set_state(sent)
        assert figure.values() == sent

    choose(page, "Data", "Moons")
    send()
    press(page, "One unit more in layer 1")
    press(page, "Train 50 steps")
    send()
    choose(page, "Activation", "tanh")
    press(page, "Step")
    send()
    rate(page, "End")
    while page.get("diverged") is False:
        press(page, "Train 50 steps")
    send()
    assert figure.diverged and figure.loss is None
    figure.learning_rate = 0.1
    press(page, "Start over")
    send()
    assert figure.seed == 2 and figure.steps == 0


def test_unit_shows_its_part(mount) -> None:
    page = mount(MLPPlayground())
    unit = page.root.get_by_role("button", name="Unit 2 of layer 1")
    unit.focus()
    page.page.keyboard.press("Enter")
    assert unit.get_attribute("aria-pressed") == "true"
    (w1, w2), b = page.get("weights")[0]["W"][1], page.get("weights")[0]["b"][1]
    text = page.root.locator(".pg-part").inner_text().replace("−", "-").replace("- ", "-")
    numbers = [
        abs(float(n)) for n in text[5:-1].replace("x₁", "").replace("x₂", "").split() if n != "+"
    ]
    assert numbers == pytest.approx([abs(w1), abs(w2), abs(b)], abs=0.006)
    assert "Unit 2" in page.root.locator(".pg-caption").inner_text()


def test_run_and_pause(mount) -> None:
    figure = MLPPlayground()
    page = mount(figure, reduced_motion="no-preference")
    assert page.get("steps") == 60  # it does not start by itself
    press(page, "Train")
    page.page.wait_for_function("Number(document.querySelector('.pg-steps').value) > 80")
    press(page, "Pause")
    there = shown(page)
    figure.descend(int(there["steps"]) - 60)
    assert there["loss"] == pytest.approx(figure.loss, abs=1e-6)
    assert page.get("steps") == there["steps"]
    page.page.wait_for_timeout(150)
    assert shown(page) == there


def test_no_control_is_without_a_name_and_both_themes_pass(mount, axe_script) -> None:
    page = mount(MLPPlayground())
    for theme in ("light", "dark"):
        page.theme(theme)
        page.page.evaluate(axe_script)
        found = page.page.evaluate("axe.run('.live-stage')")["violations"]
        assert not found, [(one["id"], one["nodes"][0]["html"]) for one in found]


def test_room_that_the_page_keeps_is_enough(mount) -> None:
    page = mount(MLPPlayground(), screen=(900, 900))
    rate(page, "End")
    choose(page, "Loss", "Squared error")
    press(page, "Train 50 steps")
    wide, narrow = MLPPlayground.heights
    for width in (320, 358, 566, 680, 784):
        page.page.locator("main").evaluate("(el, w) => (el.style.maxWidth = `${w}px`)", width)
        page.watched.settle()
        box = page.root.bounding_box()
        assert box["height"] <= (wide if box["width"] >= 560 else narrow) + 0.5
