"""The landing page: its network learns as PyTorch's would, its figure serves every reader, and its
map tells the truth.

    python tests/test_landing.py      rewrites the figure's committed pictures, from the built page
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from site_tools import BROWSER_FLAGS

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
INDEX = (BOOK / "index.md").read_text(encoding="utf-8")
BUILT = ROOT / "_build" / "html" / "book" / "index.html"
CURRICULUM: dict[str, dict[str, object]] = yaml.safe_load(
    (ROOT / "tests" / "curriculum.yml").read_text(encoding="utf-8")
)
STATE = """() => {
    const { network, points, playing } = document.querySelector(".playground").playground;
    const { loss, accuracy, grads } = network.gradients(points);
    const plain = (layers) => layers.map(({ W, b }) => ({ W: [...W], b: [...b] }));
    return { sizes: network.sizes, steps: network.steps, layers: plain(network.layers),
             grads: plain(grads), loss, accuracy, playing,
             x: points.map((p) => [...p.x]), y: points.map((p) => p.y) };
}"""


# ---- The map -------------------------------------------------------------------------------------


def plain(name: str) -> str:
    """A topic's name or a title, reduced to what both must have in common.

    Small words and everything but letters and digits are dropped: "Vision in 3D" is `vision-3d`.
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    return "".join(word for word in words if word not in {"a", "and", "in", "the"})


def entries(section: str) -> list[str]:
    """The items of the lists of a piece of Markdown, one string each."""
    return re.findall(r"^(?:-|\d+\.) (.+(?:\n {2,}\S.*)*)", section, flags=re.MULTILINE)


def title(entry: str) -> str:
    """An item's first words: the text of its first link, or everything before `:` and `·`."""
    link = re.match(r"\[([^\]]+)\]", entry)
    return link[1] if link else entry


def pages(chapter: str, topic: str) -> list[str]:
    """The files of a topic that are there: theory, lab; a capstone has one name for both."""
    names = (f"{topic}.md", f"{topic}-lab.ipynb", f"{topic}.ipynb")
    return [name for name in names if (BOOK / chapter / name).exists()]


def map_sections() -> dict[str, str]:
    """Chapter -> its section of the map on the landing page."""
    parts = re.split(r"^### ", INDEX.split("## The map", 1)[1], flags=re.MULTILINE)[1:]
    assert len(parts) == len(CURRICULUM), "the map has one section for each chapter"
    return dict(zip(CURRICULUM, parts, strict=True))


def test_map_counts_what_the_curriculum_holds() -> None:
    assert f"{sum(len(topics) for topics in CURRICULUM.values())} topics" in INDEX


@pytest.mark.parametrize("chapter", CURRICULUM)
def test_map_names_every_topic_and_links_what_is_written(chapter: str) -> None:
    section = map_sections()[chapter]
    listed = entries(section)
    topics = list(CURRICULUM[chapter])
    assert [plain(title(entry)) for entry in listed] == [plain(topic) for topic in topics]
    for topic, entry in zip(topics, listed, strict=True):
        written = [f"{chapter}/{name}" for name in pages(chapter, topic)]
        linked = re.findall(r"\]\(([^)]+)\)", entry)
        assert sorted(linked) == sorted(written), f"{topic}: the map links {linked}"
        assert bool(written) == bool(re.search(r"\d+ min$", entry)), f"{topic}: time it takes"
    has_index = (BOOK / chapter / "index.md").exists()
    assert has_index == (f"({chapter}/index.md)" in section)


@pytest.mark.parametrize("chapter", [c for c in CURRICULUM if (BOOK / c / "index.md").exists()])
def test_route_of_a_chapter_names_every_topic(chapter: str) -> None:
    route = (BOOK / chapter / "index.md").read_text(encoding="utf-8").split("## The route", 1)[1]
    listed = entries(route)
    assert len(listed) == len(CURRICULUM[chapter])
    for topic, entry in zip(CURRICULUM[chapter], listed, strict=True):
        assert re.findall(r"\]\(([^)]+)\)", entry) == pages(chapter, topic)
        assert plain(title(entry)).startswith(plain(topic))


@pytest.mark.parametrize("chapter", [c for c in CURRICULUM if (BOOK / c / "index.md").exists()])
def test_a_page_ends_with_what_comes_next(chapter: str) -> None:
    """The last paragraph of a topic's page links the next topic of the chapter, and the route."""
    first = [found[0] for topic in CURRICULUM[chapter] if (found := pages(chapter, topic))]
    for page, following in itertools.pairwise(first):
        last = (BOOK / chapter / page).read_text(encoding="utf-8").rstrip().rsplit("\n\n", 1)[1]
        assert f"]({following})" in last and "route" in last, f"{page} ends with: {last}"


def test_times_on_the_map_are_those_of_the_pages() -> None:
    for page, minutes in re.findall(r"\]\(([\w/-]+\.md)\).* · (\d+) min$", INDEX, re.MULTILINE):
        text = (BOOK / page).read_text(encoding="utf-8")
        box = text.split("{at-a-glance}", 1)[1].split(":::", 1)[0]
        time = box.split("**Time**", 1)[1]
        assert minutes in re.findall(r"\d+", time), f"{page} does not say {minutes} minutes"


# ---- What the page quotes ------------------------------------------------------------------------


def test_quoted_code_and_verdicts_stand_in_the_lab() -> None:
    section = INDEX.split("## Nothing to take on trust", 1)[1].split("\n## ", 1)[0]
    lab = re.search(r"\(([\w/-]+-lab)\.ipynb", section)
    assert lab, "the section names the lab that it quotes"
    notebook = json.loads((BOOK / f"{lab[1]}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    source = "\n".join("".join(cell["source"]) for cell in cells)
    output = "\n".join("".join(out.get("text", [])) for cell in cells for out in cell["outputs"])
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    verdicts = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    assert code and verdicts
    for block in code:
        assert block.strip() in source
    for line in "".join(verdicts).splitlines():
        assert line in output.splitlines(), line


# ---- The figure, in a browser --------------------------------------------------------------------


@pytest.fixture
def visit(browser) -> Iterator:
    """Open the landing page; fails at the end if the page reported an error."""
    assert BUILT.exists(), "the site is not built: make book"
    errors: list[str] = []
    contexts = []

    def open_page(motion: str = "reduce", **options):
        options = {"viewport": {"width": 1280, "height": 900}, "offline": True, **options}
        context = browser.new_context(reduced_motion=motion, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(BUILT.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors


def torch_twin(state: dict):
    """The page's network as PyTorch layers with the page's weights, in float64."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    for (inputs, out), weights in zip(
        zip(state["sizes"], state["sizes"][1:]), state["layers"], strict=True
    ):
        linear = nn.Linear(inputs, out, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weights["W"], dtype=torch.float64).view(out, inputs))
            linear.bias.copy_(torch.tensor(weights["b"], dtype=torch.float64))
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


CASES = [("spiral", 6), ("spiral", 1), ("moons", 2), ("circles", 8), ("xor", 3)]


def test_loss_gradient_and_adam_are_pytorchs(visit) -> None:
    page = visit()
    for data, hidden in CASES:
        trains_as_pytorch_does(page, data, hidden)


def trains_as_pytorch_does(page, data: str, hidden: int) -> None:
    import torch
    import torch.nn.functional as F

    page.get_by_label("Data").select_option(data)
    page.get_by_label("Neurons per layer").fill(str(hidden))
    state = page.evaluate(STATE)
    assert state["sizes"] == [2, hidden, hidden, 1] and state["steps"] == 0
    twin = torch_twin(state)
    x = torch.tensor(state["x"], dtype=torch.float64)
    y = torch.tensor(state["y"], dtype=torch.float64)

    def loss() -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(twin(x)[:, 0], y)

    value = loss()
    value.backward()
    assert state["loss"] == pytest.approx(value.item(), abs=1e-10)
    linears = [layer for layer in twin if isinstance(layer, torch.nn.Linear)]
    for linear, ours in zip(linears, state["grads"], strict=True):
        np.testing.assert_allclose(ours["W"], linear.weight.grad.ravel(), rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(ours["b"], linear.bias.grad, rtol=1e-6, atol=1e-10)

    optimizer = torch.optim.Adam(twin.parameters(), lr=0.015)
    for _ in range(20):
        page.evaluate('document.querySelector("[data-do=step]").click()')
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    after = page.evaluate(STATE)
    assert after["steps"] == 20
    for linear, ours in zip(linears, after["layers"], strict=True):
        np.testing.assert_allclose(ours["W"], linear.weight.detach().ravel(), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(ours["b"], linear.bias.detach(), rtol=1e-6, atol=1e-8)
    assert after["loss"] == pytest.approx(loss().item(), abs=1e-7)


def test_it_says_how_many_numbers_it_has(visit) -> None:
    state = visit().evaluate(STATE)
    count = sum(len(layer["W"]) + len(layer["b"]) for layer in state["layers"])
    assert f"network is {count} numbers" in INDEX
    assert f"looks at {len(state['x'])} points" in INDEX


def test_it_learns_until_it_is_finished(visit) -> None:
    page = visit()
    page.get_by_role("button", name="Play").click()
    finished = 'document.querySelector(".playground-live").textContent.startsWith("Finished")'
    page.wait_for_function(finished, timeout=120_000)
    state = page.evaluate(STATE)
    assert state["loss"] < 0.01 and state["accuracy"] > 0.99 and not state["playing"]


def test_it_starts_by_itself_only_where_motion_is_welcome(visit) -> None:
    quiet = visit("reduce")
    quiet.wait_for_timeout(500)
    state = quiet.evaluate(STATE)
    assert not state["playing"] and state["steps"] == 120
    moving = visit("no-preference")
    moving.wait_for_function('document.querySelector(".playground").playground.network.steps > 130')
    moving.get_by_role("button", name="Pause").click()
    paused = moving.evaluate(STATE)
    moving.wait_for_timeout(300)
    assert moving.evaluate(STATE)["steps"] == paused["steps"]
    assert "Paused" in moving.locator(".playground-live").inner_text()


def test_it_rests_out_of_sight(visit) -> None:
    page = visit("no-preference")
    page.wait_for_function('document.querySelector(".playground").playground.network.steps > 122')
    page.get_by_role("heading", name="Production").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    resting = page.evaluate(STATE)
    page.wait_for_timeout(400)
    assert page.evaluate(STATE)["steps"] == resting["steps"]
    page.get_by_role("button", name="Pause").scroll_into_view_if_needed()
    page.locator(".playground-plane").scroll_into_view_if_needed()
    page.wait_for_function(
        f'document.querySelector(".playground").playground.network.steps > {resting["steps"]}'
    )


def place(page, x: float, y: float) -> tuple[float, float]:
    """Position on the screen of a point of the plane."""
    box = page.locator(".playground-plane canvas").bounding_box()
    return box["x"] + (x + 1) / 2 * box["width"], box["y"] + (1 - y) / 2 * box["height"]


def test_pointer_adds_and_moves_points(visit) -> None:
    page = visit()
    page.locator(".playground-plane").scroll_into_view_if_needed()
    before = page.evaluate(STATE)
    page.get_by_label("orange").check()
    page.mouse.click(*place(page, -0.9, 0.9))
    added = page.evaluate(STATE)
    assert len(added["x"]) == len(before["x"]) + 1 and added["y"][-1] == 0
    assert added["x"][-1] == pytest.approx([-0.9, 0.9], abs=0.02)
    assert added["loss"] != before["loss"]
    page.mouse.move(*place(page, -0.9, 0.9))
    page.mouse.down()
    page.mouse.move(*place(page, -0.5, 0.92), steps=4)
    page.mouse.up()
    moved = page.evaluate(STATE)
    assert len(moved["x"]) == len(added["x"])
    assert moved["x"][-1] == pytest.approx([-0.5, 0.92], abs=0.02)


def test_finger_adds_a_point_on_a_phone(visit) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator(".playground-plane").scroll_into_view_if_needed()
    count = len(page.evaluate(STATE)["x"])
    page.touchscreen.tap(*place(page, -0.92, 0.92))
    state = page.evaluate(STATE)
    assert len(state["x"]) == count + 1 and state["y"][-1] == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_keyboard_reaches_everything(visit) -> None:
    page = visit()
    plane = page.locator(".playground-plane canvas")
    plane.focus()
    count = len(page.evaluate(STATE)["x"])
    page.keyboard.press("Enter")
    state = page.evaluate(STATE)
    assert len(state["x"]) == count + 1 and state["x"][-1] == [0, 0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert page.evaluate(STATE)["x"][-1] == pytest.approx([0.04, 0.2])
    assert "0.04, 0.20" in page.locator(".playground-live").inner_text()
    page.keyboard.press("Delete")
    assert len(page.evaluate(STATE)["x"]) == count
    page.keyboard.press("Tab")
    for name in ("Play", "Step", "Start over"):
        assert page.evaluate("document.activeElement.textContent") == name
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "data"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    state = page.evaluate(STATE)
    assert state["sizes"] == [2, 5, 5, 1]


def test_theme_changes_its_colors(visit) -> None:
    page = visit()
    read = 'document.querySelector(".playground-plane canvas").toDataURL()'
    page.evaluate('document.documentElement.dataset.theme = "light"')
    page.wait_for_timeout(100)
    light = page.evaluate(read)
    page.evaluate('document.documentElement.dataset.theme = "dark"')
    page.wait_for_timeout(100)
    assert page.evaluate(read) != light


def decode(page, name: str) -> np.ndarray:
    """What a canvas shows, laid on white, at 100 by 100 pixels."""
    from PIL import Image

    url = page.evaluate(f'document.querySelector(".playground-{name} canvas").toDataURL()')
    return small(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))))


def small(image) -> np.ndarray:
    from PIL import Image

    image = image.convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    return np.asarray(page.convert("RGB").resize((100, 100)), dtype=float)


@pytest.mark.parametrize("name", ["plane", "network"])
def test_picture_shows_what_the_canvas_shows_first(visit, name: str) -> None:
    from PIL import Image

    page = visit(device_scale_factor=2)
    page.evaluate('document.documentElement.dataset.theme = "light"')
    page.wait_for_timeout(100)
    picture = small(Image.open(BOOK / "landing" / f"{name}.webp"))
    assert np.abs(decode(page, name) - picture).mean() < 6


def test_pictures_stand_in_without_scripts(visit) -> None:
    page = visit(java_script_enabled=False)
    for name in ("plane", "network"):
        picture = page.locator(f".playground-{name} img")
        assert picture.is_visible() and len(picture.get_attribute("alt")) > 60
    assert not page.locator(".playground-controls").is_visible()
    assert page.locator(".playground noscript p").is_visible()
    still = page.locator(".playground-plane").bounding_box()
    live = visit().locator(".playground-plane").bounding_box()
    assert live == pytest.approx(still, abs=1), "the figure jumps when the script takes over"


def test_failure_is_said(browser) -> None:
    """Where the script cannot run, the pictures stay and a sentence says so."""
    page = browser.new_context(offline=True).new_page()
    page.add_init_script("window.ResizeObserver = undefined")
    page.goto(BUILT.as_uri())
    assert page.get_by_text("its script could not run").is_visible()
    assert not page.locator(".playground-controls").is_visible()
    page.context.close()


def test_it_prints_as_a_picture(visit) -> None:
    page = visit()
    page.emulate_media(media="print")
    assert page.locator(".playground-plane canvas").is_visible()
    assert not page.locator(".playground-controls").is_visible()


def write_pictures() -> None:
    """Store what the canvases show first, in light colors, as the pictures of the page."""
    import shutil

    from PIL import Image
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_FLAGS)
        page = browser.new_page(
            viewport={"width": 1280, "height": 900}, device_scale_factor=2, reduced_motion="reduce"
        )
        page.goto(BUILT.as_uri())
        page.evaluate('document.documentElement.dataset.theme = "light"')
        page.wait_for_timeout(300)
        for name in ("plane", "network"):
            url = page.evaluate(f'document.querySelector(".playground-{name} canvas").toDataURL()')
            image = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))
            image = image.resize((512, round(512 * image.height / image.width)))
            image.save(BOOK / "landing" / f"{name}.webp", quality=82, method=6)
        browser.close()


if __name__ == "__main__":
    write_pictures()
