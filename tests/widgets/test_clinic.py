"""The clinic: the page measures what Python measures, and diagnoses are judged by the tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from utils.widgets import Clinic
from utils.widgets.clinic import BATCH, CENTER, FAULTS, FITTED, SPREAD, Patient, fault_of

TESTS = {
    "first": "First loss",
    "fit": "Fit one batch",
    "twice": "Gradient twice",
    "dead": "Count dead units",
    "path": "Training data, evaluated",
}


def settled(mounted: Any) -> None:
    """Wait for the drawing, which comes with the next frame of the screen."""
    mounted.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )


def go(mounted: Any, patient: int) -> None:
    for trait, value in (("tests", []), ("guess", ""), ("patient", patient)):
        mounted.set(trait, value)
    settled(mounted)


def results(mounted: Any) -> list[str]:
    return mounted.page.locator(".cl-result output").all_inner_texts()


def percent(share: float) -> str:
    """As the script rounds: halves go up."""
    return f"{math.floor(100 * share + 0.5)} %"


def verdict(mounted: Any) -> str:
    return mounted.page.locator(".cl-verdict").inner_text()


def diagnose(mounted: Any, fault: str) -> str:
    mounted.page.get_by_label("Your diagnosis").select_option(label=FAULTS[fault])
    mounted.page.get_by_role("button", name="Diagnose", exact=True).click()
    settled(mounted)
    return verdict(mounted)


def test_six_patients_have_six_conditions() -> None:
    for block in range(5):
        assert {fault_of(6 * block + n) for n in range(1, 7)} == set(FAULTS)
    orders = {tuple(fault_of(6 * block + n) for n in range(1, 7)) for block in range(5)}
    assert len(orders) > 1


@pytest.mark.parametrize("fault", ["healthy", "softmax"])
def test_gradient_is_autograds(fault: str) -> None:
    patient = Patient(fault, 5)
    rows = slice(0, BATCH)
    patient.backward(rows)
    W1, b1, W2, b2 = (torch.tensor(w, requires_grad=True) for w in patient.weights)
    x = torch.tensor((patient.raw[rows] - CENTER) / np.array(SPREAD))
    z = torch.relu(x @ W1.T + b1) @ W2.T + b2
    z = z.softmax(dim=1) if fault == "softmax" else z
    loss = F.cross_entropy(z, torch.tensor(patient.y[rows]))
    loss.backward()
    assert abs(patient.loss(patient.scores(x.numpy())[1], patient.y[rows]) - loss.item()) < 1e-12
    for ours, theirs in zip(patient.gradients, (W1, b1, W2, b2)):
        assert np.allclose(ours, theirs.grad)


@pytest.mark.parametrize("seed", range(1, 7))
def test_each_fault_shows_in_its_test(seed: int) -> None:
    """And in no other patient: the five tests tell all six conditions apart."""
    found = {fault: Patient(fault, seed).vitals() for fault in FAULTS}
    for fault, v in found.items():
        assert (v["dead"] > 0.9) == (fault == "dead")
        assert (v["twice"] > 1.5) == (fault == "kept")
        assert (v["fit_right"] > 0.8 and v["fit_loss"] > 0.6) == (fault == "softmax")
        assert (v["train"] - v["path"] > 0.2) == (fault == "path")
        assert 1 < v["first"] < 2
    assert found["labels"]["train"] < 0.65 and found["labels"]["fit_right"] == 1
    assert found["healthy"]["val"] > 0.8 and found["healthy"]["fit_loss"] < 0.1
    assert found["softmax"]["fit_loss"] > math.log(math.e + 3) - 1


def test_page_agrees_with_python(mount: Any) -> None:
    mounted = mount(Clinic())
    for patient in range(1, 13):
        go(mounted, patient)
        v = Patient(fault_of(patient), patient).vitals()
        assert set(results(mounted)) == {"not run yet"}
        for name in TESTS.values():
            mounted.page.get_by_role("button", name=name).click()
        settled(mounted)
        first, fit, twice, dead, path = results(mounted)
        assert first == f"loss {v['first']:.2f}"
        assert fit.endswith(f", {round(FITTED * v['fit_right'])} of {FITTED} right")
        if fault_of(patient) != "kept":  # there rounding grows from step to step
            loss = float(fit.split()[1].rstrip(","))
            assert abs(loss - v["fit_loss"]) < 0.006
            assert path == f"{percent(v['path'])} right, {percent(v['train'])} in training"
            shown = mounted.page.locator(".cl-facts b").all_inner_texts()
            assert shown == [percent(v[part]) for part in ("train", "val")]
        assert twice == f"{v['twice']:.2f} times as long"
        assert dead == f"{round(12 * v['dead'])} of 12 never answer"
        assert mounted.get("tests") == list(TESTS)
        assert diagnose(mounted, fault_of(patient)).startswith("Right.")
    assert mounted.get("solved") == list(range(1, 13))


def test_what_the_reader_does(mount: Any) -> None:
    """Run a test, name a wrong fault, read why not, name the right one, go on to the next."""
    mounted = mount(Clinic())
    page = mounted.page
    assert page.get_by_role("button", name="Diagnose", exact=True).is_disabled()
    page.get_by_role("button", name="Count dead units").focus()
    page.keyboard.press("Enter")
    settled(mounted)
    assert mounted.get("tests") == ["dead"] and results(mounted).count("not run yet") == 4
    truth = fault_of(1)
    wrong = next(fault for fault in FAULTS if fault != truth)
    assert diagnose(mounted, wrong).startswith("No.")
    assert mounted.get("guess") == wrong and mounted.get("solved") == []
    assert diagnose(mounted, truth).startswith("Right.")
    assert mounted.get("solved") == [], "only the first diagnosis counts"
    page.get_by_role("button", name="Next patient").click()
    settled(mounted)
    assert mounted.get("patient") == 2 and mounted.get("tests") == [] and mounted.get("guess") == ""
    assert set(results(mounted)) == {"not run yet"}
    assert diagnose(mounted, fault_of(2)).startswith("Right.")
    assert page.locator(".cl-score").inner_text() == "1 of 2 right at the first try"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_wrong_diagnosis_is_answered_with_what_was_measured(mount: Any, fault: str) -> None:
    mounted = mount(Clinic())
    go(mounted, next(n for n in range(1, 7) if fault_of(n) == fault))
    said = {diagnose(mounted, guess) for guess in FAULTS}
    assert len(said) == len(FAULTS)
    assert sum(text.startswith("Right.") for text in said) == 1
    assert not any("NaN" in text or "undefined" in text for text in said)


@pytest.mark.parametrize("width", [720, 600, 540, 358, 340])
def test_nothing_jumps(mount: Any, width: int) -> None:
    """Whatever is run or chosen, the figure keeps within its room, and no text is cut off."""
    mounted = mount(Clinic(), screen=(width + 40, 900), width=width)
    states = []
    for patient in range(1, 7):
        states += [{"tests": [], "guess": "", "patient": patient}]
        states += [{"tests": list(TESTS), "guess": guess} for guess in FAULTS]
    measure = """el => {
        const { scrollHeight, clientHeight } = el.querySelector(".cl-verdict");
        return [el.offsetHeight, scrollHeight <= clientHeight + 1];
    }"""
    heights, whole = zip(*mounted.measured(states, measure))
    assert all(whole), [state for state, is_whole in zip(states, whole) if not is_whole]
    assert len(set(heights)) == 1 and heights[0] <= Clinic.heights[width < 560]
    overflow = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert mounted.page.evaluate(overflow) == 0


def test_traits_refuse_nonsense() -> None:
    for wrong in ({"patient": 0}, {"tests": ["blood"]}, {"solved": ["a"]}, {"guess": 3}):
        with pytest.raises(Exception, match=r"trait|value"):
            Clinic(**wrong)
