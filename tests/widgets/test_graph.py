"""The computational graph stepper: the page's numbers are Python's, and Python's are PyTorch's."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch

from utils.widgets import GraphStepper
from utils.widgets.graph import EXPRESSIONS

Numbers = dict[str, float]
OTHER: dict[str, Numbers] = {  # a second set of numbers for each expression, with few zeros in it
    "penalty": {"x": -1.3, "w": 0.7, "y": 2.6, "λ": 1.15},
    "twice": {"a": -2.4, "b": 3.3},
    "relu": {"x": 1.4, "w": -0.6, "b": 0.2, "y": -1.5},
    "sigmoid": {"x": -0.8, "w": 2.1, "b": 0.3, "y": 0.9},
    "logistic": {"x₁": 0.4, "w₁": -1.1, "x₂": 2.2, "w₂": 0.9, "b": -0.7},
}
# What the expressions are, written without the table of nodes.
LOSSES = {
    "penalty": lambda x, w, y, λ: (w * x - y) ** 2 + λ * w**2,
    "twice": lambda a, b: (a + b) * (b + 1),
    "relu": lambda x, w, b, y: (torch.relu(w * x + b) - y) ** 2,
    "sigmoid": lambda x, w, b, y: (torch.sigmoid(w * x + b) - y) ** 2,
    "logistic": lambda x1, w1, x2, w2, b: -torch.log(torch.sigmoid(w1 * x1 + w2 * x2 + b)),
}
BOTH = [(name, which) for name in EXPRESSIONS for which in ("first", "other")]


def stepper(name: str, which: str = "first", **more: Any) -> GraphStepper:
    inputs = OTHER[name] if which == "other" else EXPRESSIONS[name].inputs
    return GraphStepper(expression=name, inputs=inputs, **more)


def shown(mounted: Any, kind: str) -> dict[Any, float]:
    """The exact numbers behind the table below the drawing, by node, or by (child, parent)."""
    found = mounted.page.evaluate(
        """kind => [...document.querySelectorAll(`data.graph-${kind}`)].map(
            (d) => [d.dataset.from ?? "", d.dataset.node, d.getAttribute("value")])""",
        kind,
    )
    number = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
    return {
        ((child, name) if child else name): number.get(text) or float(text)
        for child, name, text in found
    }


def on_cards(mounted: Any, kind: str) -> list[str]:
    return mounted.page.locator(f".graph-card .graph-{kind}").all_text_contents()


def words(mounted: Any) -> str:
    return " ".join(mounted.page.locator(".graph-words").inner_text().split())


def press(mounted: Any, name: str) -> None:
    mounted.page.get_by_role("button", name=name, exact=True).click()


def test_worked_example_of_the_page() -> None:
    figure = GraphStepper()
    assert figure.forward() | {"λ": 0.5} == {
        **{"x": 2, "w": 3, "y": 4, "λ": 0.5},
        **{"p": 6, "e": 2, "s": 4, "q": 9, "r": 4.5, "L": 8.5},
    }
    assert figure.backward() == {
        **{"L": 1, "s": 1, "r": 1, "q": 0.5, "λ": 9},
        **{"e": 4, "p": 4, "y": -4, "w": 11, "x": 12},
    }
    assert figure.products()["w"] == [3, 8]


@pytest.mark.parametrize(("name", "which"), BOTH)
def test_python_agrees_with_autograd(name: str, which: str) -> None:
    figure = stepper(name, which)
    leaves = [
        torch.tensor(float(v), dtype=torch.float64, requires_grad=True)
        for v in figure.inputs.values()
    ]
    loss = LOSSES[name](*leaves)
    loss.backward()
    assert figure.forward()["L"] == pytest.approx(loss.item(), rel=1e-12)
    found = figure.backward()
    for parent, leaf in zip(figure.inputs, leaves):
        assert found[parent] == pytest.approx(leaf.grad.item(), rel=1e-12, abs=1e-15)


def test_page_agrees_with_python(mount: Any) -> None:
    mounted = mount(GraphStepper())
    for name, which in BOTH:
        figure = stepper(name, which)
        for trait in ("expression", "inputs", "step"):
            mounted.set(trait, getattr(figure, trait))
        assert shown(mounted, "value") == pytest.approx(figure.forward(), rel=1e-12)
        assert shown(mounted, "gradient") == pytest.approx(figure.backward(), rel=1e-12)
        assert shown(mounted, "slope") == pytest.approx(figure.local_derivatives(), rel=1e-12)


def test_steps_forward_and_backward(mount: Any) -> None:
    """Each step shows exactly what is known by then, and Back takes the same way."""
    figure = GraphStepper(step=0)
    mounted = mount(figure)
    values, gradients = figure.forward(), figure.backward()
    assert shown(mounted, "value") == figure.inputs
    seen = [(words(mounted), shown(mounted, "value"), shown(mounted, "gradient"))]
    for _ in range(figure.chosen.last_step):
        press(mounted, "Step")
        seen.append((words(mounted), shown(mounted, "value"), shown(mounted, "gradient")))
    known = [len(value) + len(gradient) for _, value, gradient in seen]
    assert all(before <= after for before, after in pairwise(known)) and known[-1] == 20
    assert seen[6][1] == values and not seen[6][2]
    assert seen[7][2] == {"L": 1}
    assert seen[10][2]["w"] == 3 and seen[13][2] == gradients
    assert "p = w·x = 3 × 2 = 6" in seen[1][0]
    assert "∂L/∂w, path 1 of 2: ∂L/∂q · ∂q/∂w = 0.5 × 6 = 3" in seen[10][0]
    assert "∂L/∂p · ∂p/∂w = 4 × 2 = 8, together 3 + 8 = 11" in seen[13][0]
    assert "3 + 8 = 11" in on_cards(mounted, "gradient")
    for text, value, gradient in seen[-2::-1]:
        press(mounted, "Back")
        assert (words(mounted), shown(mounted, "value"), shown(mounted, "gradient")) == (
            *(text, value, gradient),
        )
    assert mounted.page.get_by_role("button", name="Back", exact=True).is_disabled()


def test_keyboard(mount: Any) -> None:
    mounted = mount(GraphStepper(step=0))
    keyboard = mounted.page.keyboard
    mounted.page.locator(".graph-view").focus()
    for _ in range(3):
        keyboard.press("ArrowRight")
    keyboard.press("ArrowLeft")
    assert mounted.get("step") == 2
    mounted.page.get_by_label("Steps done").focus()
    keyboard.press("End")
    assert mounted.get("step") == 13
    mounted.page.get_by_label("slider of w").focus()
    keyboard.press("ArrowRight")
    assert mounted.get("inputs")["w"] == 3.1 and mounted.get("step") == 13
    mounted.page.get_by_label("x", exact=True).focus()
    keyboard.press("Shift+ArrowDown")
    figure = GraphStepper(inputs=mounted.get("inputs"))
    assert figure.inputs["x"] == 1
    assert shown(mounted, "gradient") == pytest.approx(figure.backward(), rel=1e-12)


def test_pointer(mount: Any) -> None:
    """Drag an input's card, then a slider: the numbers follow as Python computes them."""
    mounted = mount(GraphStepper())
    mouse = mounted.page.mouse
    card = mounted.page.locator(".graph-given", has_text="w").bounding_box()
    x, y = card["x"] + 20, card["y"] + 20
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 80, y, steps=4)
    mouse.up()
    assert mounted.get("inputs")["w"] == 1
    slider = mounted.page.get_by_label("slider of y").bounding_box()
    mouse.click(slider["x"] + slider["width"] / 2, slider["y"] + slider["height"] / 2)
    assert abs(mounted.get("inputs")["y"]) <= 0.2
    figure = GraphStepper(inputs=mounted.get("inputs"))
    assert shown(mounted, "value") == pytest.approx(figure.forward(), rel=1e-12)
    assert shown(mounted, "gradient") == pytest.approx(figure.backward(), rel=1e-12)


def test_what_people_type(mount: Any) -> None:
    mounted = mount(GraphStepper())
    field = mounted.page.get_by_label("w", exact=True)
    complaint = mounted.page.get_by_role("status")
    for text, value in {"-2": -2, "−2,5": -2.5, " 1e9 ": 1e9, "0": 0, "1e300": 1e300}.items():
        field.fill(text)
        assert mounted.get("inputs")["w"] == value and field.get_attribute("aria-invalid") is None
    assert "∞" in words(mounted) and "64-bit" in words(mounted)
    field.fill("3")
    for text in ("", "abc", "NaN", "1e400", "--3"):
        field.fill(text)
        assert mounted.get("inputs")["w"] == 3 and field.get_attribute("aria-invalid") == "true"
        assert "w stays 3" in complaint.inner_text()
    field.blur()
    assert field.input_value() == "3" and "stays" not in complaint.inner_text()


def test_dead_relu_and_overflow_are_put_into_words(mount: Any) -> None:
    figure = GraphStepper(expression="relu", inputs={"b": -4}, step=9)
    mounted = mount(figure)
    assert "ReLU is flat here" in words(mounted) and figure.backward()["w"] == 0
    figure = GraphStepper(expression="logistic", inputs={"b": -2000})
    mounted.set("expression", "logistic")
    mounted.set("inputs", figure.inputs)
    assert "NaN" in words(mounted) and math.isnan(figure.backward()["b"])


def test_choosing_playing_and_starting_over(mount: Any) -> None:
    mounted = mount(GraphStepper())
    choose = mounted.page.get_by_label("Expression")
    for name, expression in EXPRESSIONS.items():
        choose.select_option(label=expression.title)
        assert mounted.get("expression") == name and mounted.get("inputs") == expression.inputs
        assert mounted.get("step") == expression.last_step
    mounted.page.get_by_label("b", exact=True).fill("2")
    press(mounted, "Reset")
    assert mounted.get("inputs") == EXPRESSIONS["logistic"].inputs and mounted.get("step") == 0
    press(mounted, "Play")
    mounted.page.wait_for_function(
        "() => document.querySelector('.live-figure').figureModel.get('step') === 1"
    )
    press(mounted, "Pause")
    press(mounted, "Step")
    assert mounted.get("step") == 2


def test_traits_refuse_nonsense_and_keep_together() -> None:
    figure = GraphStepper()
    figure.inputs = {"w": 5}
    assert figure.inputs == {"x": 2, "w": 5, "y": 4, "λ": 0.5}
    for wrong in ({"q": 1}, {"w": math.nan}, {"w": math.inf}, {"w": "3"}):
        with pytest.raises(Exception, match=r"has no input 'q'|finite number"):
            figure.inputs = wrong
    figure.step = 99
    assert figure.step == 13
    figure.expression = "twice"  # other inputs: they, and the step, begin anew
    assert figure.inputs == {"a": 3, "b": 1} and figure.step == 7
    figure.set_state({"expression": "relu", "inputs": {**OTHER["relu"]}, "step": 4})  # as the page
    assert figure.inputs == OTHER["relu"] and figure.step == 4
    figure.expression = "sigmoid"  # the same inputs: everything stays
    assert figure.inputs == OTHER["relu"] and figure.step == 4


@pytest.mark.parametrize("width", [680, 600, 358])
def test_nothing_jumps(mount: Any, width: int) -> None:
    """No expression and no step changes the height, and the page keeps that much room."""
    mounted = mount(GraphStepper(), screen=(width + 40, 900), width=width)
    found = mounted.page.evaluate(
        """async () => {
            const model = document.querySelector(".live-figure").figureModel;
            const found = [];
            for (const [name, { nodes }] of Object.entries(model.get("_expressions"))) {
                const inputs = nodes.filter((node) => !node.op);
                model.set("expression", name);
                model.set("inputs", Object.fromEntries(inputs.map((n) => [n.name, n.value])));
                for (let step = 0; step <= 2 * (nodes.length - inputs.length) + 1; step++) {
                    model.set("step", step);
                    await Promise.resolve();
                    found.push(document.querySelector(".live-stage").offsetHeight);
                }
            }
            return found;
        }"""
    )
    assert len(set(found)) == 1 and found[0] <= GraphStepper.heights[width == 358]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert mounted.page.evaluate(overflow) == 0
