"""The base class of the interactive figures.

A figure is a class with traits and a script of the same name beside it::

    class Slope(Figure):                       # utils/widgets/slope.py, slope.js
        heights = (320, 400)
        slope = Float(1.0, help="rise over run").tag(sync=True)

        def picture(self, figure): ...         # draws the first state with matplotlib

The script and the style travel in the notebook's widget state (anywidget's ``_esm`` and ``_css``).
So the same files serve JupyterLab, Colab and the built page, where extensions/course/widgets.py
finds them. The picture goes into the output beside the live view: it is what a reader sees on
GitHub, on paper, without scripts, and on the page until the script has taken over.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

HERE = Path(__file__).parent
WIDE, NARROW = 720, 358  # widths, in pixels, that `heights` speaks of


class Figure(anywidget.AnyWidget):
    """An interactive figure. Subclasses add traits, ``heights``, ``picture`` and a script."""

    heights: ClassVar[tuple[int, int]] = (400, 560)
    """Height in pixels of the live figure where it is 720 wide, and where it is 358 wide. The page
    keeps this room free before the script runs, so that nothing jumps. The script must fill no
    more than it at any width: the first counts from 560 pixels on, the second below."""

    script: ClassVar[str] = ""
    """The script itself, for a class that has no file ``NAME.js`` beside its module."""

    _heights = traitlets.List(traitlets.Int()).tag(sync=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "_esm" in cls.__dict__:  # anywidget makes a class of its own for every object
            super().__init_subclass__(**kwargs)
            return
        module = getattr(sys.modules.get(cls.__module__), "__file__", None)
        beside = Path(module) if module else HERE / "nowhere.py"
        own = cls.script or _text(beside.with_suffix(".js"))
        if not own:
            raise TypeError(f"{cls.__name__} has no script: neither {beside.stem}.js nor `script`")
        cls._esm = _slim(_text(HERE / "figure.js")) + "\n" + _slim(own)
        cls._css = _text(HERE / "figure.css") + _text(beside.with_suffix(".css"))
        super().__init_subclass__(**kwargs)

    def __init__(self, **values: Any) -> None:
        unknown = [name for name in values if not self.has_trait(name)]
        if unknown:
            names = ", ".join(sorted(self.values()))
            raise TypeError(f"{type(self).__name__} has no {unknown[0]!r}; it has {names}")
        super().__init__(**{"_heights": list(self.heights), **values})
        self.add_class("course-figure")

    def values(self) -> dict[str, Any]:
        """The figure's own traits that the browser knows, by name."""
        base = set(anywidget.AnyWidget.class_trait_names())
        return {
            name: getattr(self, name)
            for name in self.trait_names(sync=True)
            if name not in base and not name.startswith("_")
        }

    def picture(self, figure: Drawing) -> None:
        """Draw the present state into an empty matplotlib figure, of 7.2 inches by the height."""
        raise NotImplementedError(f"{type(self).__name__} draws no picture of itself")

    def png(self) -> bytes:
        """The picture, transparent and in the book's style, legible on white and on black."""
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Drawing

        from utils.plots import use_style

        with mpl.rc_context():
            use_style()
            drawing = Drawing(figsize=(WIDE / 100, self.heights[0] / 100), dpi=150)
            FigureCanvasAgg(drawing)
            self.picture(drawing)
            buffer = io.BytesIO()
            drawing.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live view, the picture, and a text that is the same at every run.

        In Colab anywidget enables Colab's manager of custom widgets here.
        """
        bundle, metadata = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = f"{type(self).__name__}, an interactive figure"
        bundle["image/png"] = base64.b64encode(self.png()).decode()
        return bundle, metadata


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _slim(script: str) -> str:
    """The script without the lines that are only a comment: every notebook carries it."""
    return re.sub(r"(?m)^[ \t]*//.*\n", "", script)
