"""Interactive figures: live in JupyterLab and Colab, and on the built page without a kernel.

Each figure is a pair of files, ``NAME.py`` (a small class with typed traits) and ``NAME.js`` (what
draws it in the browser). ``README.md`` beside this file shows how to add one.

======================  ==========================================================================
``Clinic``               networks with a hidden fault: run tests, then name it
``ConvolutionExplorer``  slide a kernel over a picture; stride, padding, dilation
``Depth``                a deep random network with and without skips, which can be cut
``Divergence``           two distributions, and KL in both directions, with where it is paid
``DrawCharacter``        draw a digit, and watch a small CNN read it
``Figure``               the base class of all figures
``Fitting``              drag points; the lines that three losses fit to them follow
``GraphStepper``         a computational graph, forward and backward, one node at a time
``MLPPlayground``        train a small network in the plane; data, layers, weights, boundary
``NormAxes``             which numbers share a mean and a variance, in five normalizations
``Overfit``              a curve of bumps that overfits, with L2, L1, dropout and early stopping
``Plane``                the plane under a matrix: drag its columns, see what stays
``Race``                 optimizers run on a loss surface; rates, start, surface
``Schedule``             a learning-rate schedule to drag, and its loss in a noisy valley
``Signal``               a deep random network: signal and gradient by layer, gain
``Slope``                a curve with tangent and secant, or a surface with its gradients
======================  ==========================================================================

Importing ``utils.widgets`` imports no figure: each name below is looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.widgets.axes import NormAxes
    from utils.widgets.clinic import Clinic
    from utils.widgets.convolution import ConvolutionExplorer
    from utils.widgets.depth import Depth
    from utils.widgets.divergence import Divergence
    from utils.widgets.draw import DrawCharacter
    from utils.widgets.figure import Figure
    from utils.widgets.fitting import Fitting
    from utils.widgets.graph import GraphStepper
    from utils.widgets.overfit import Overfit
    from utils.widgets.plane import Plane
    from utils.widgets.playground import MLPPlayground
    from utils.widgets.race import Race
    from utils.widgets.schedule import Schedule
    from utils.widgets.signal import Signal
    from utils.widgets.slope import Slope

_HOME = {  # name -> module; a new figure adds a line here, in the table above and in __all__
    "Clinic": "clinic",
    "ConvolutionExplorer": "convolution",
    "Depth": "depth",
    "Divergence": "divergence",
    "DrawCharacter": "draw",
    "Figure": "figure",
    "Fitting": "fitting",
    "GraphStepper": "graph",
    "MLPPlayground": "playground",
    "NormAxes": "axes",
    "Overfit": "overfit",
    "Plane": "plane",
    "Race": "race",
    "Schedule": "schedule",
    "Signal": "signal",
    "Slope": "slope",
}
__all__ = [
    "Clinic",
    "ConvolutionExplorer",
    "Depth",
    "Divergence",
    "DrawCharacter",
    "Figure",
    "Fitting",
    "GraphStepper",
    "MLPPlayground",
    "NormAxes",
    "Overfit",
    "Plane",
    "Race",
    "Schedule",
    "Signal",
    "Slope",
]


def __getattr__(name: str) -> type:
    if name not in _HOME:
        raise AttributeError(f"utils.widgets has no figure {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"utils.widgets.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
