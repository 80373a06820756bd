"""How a run is shown: one live display in a notebook, one line in a terminal, few lines in a log.

Nothing here decides anything about training. Times are shown only while the run lives, so that what
a notebook stores does not change from run to run.
"""

import shutil
import sys
import time
import uuid

from utils.training.history import History

SECONDS_BETWEEN_UPDATES = 0.2
LINES_IN_A_LOG = 5


class Progress:
    """Shows nothing; the base of the ones that do."""

    def __init__(self, epochs: int, steps: int) -> None:
        self.epochs, self.steps = epochs, steps
        self.start = time.monotonic()
        self.due = self.start + SECONDS_BETWEEN_UPDATES

    def update(self, epoch: int, step: int, loss: float, history: History) -> None:
        """Called now and then within an epoch (both counted from 1)."""
        now = time.monotonic()
        if now >= self.due:
            self.due = now + SECONDS_BETWEEN_UPDATES
            self.live(self._line(epoch, step, loss, now), history)

    def live(self, line: str, history: History) -> None:
        """Show the state within an epoch."""

    def epoch_done(self, history: History) -> None:
        """Called after every epoch."""
        self.update(history.epochs, self.steps, history.last["train_loss"], history)

    def close(self, history: History) -> None:
        """Show the final state."""

    def _line(self, epoch: int, step: int, loss: float, now: float) -> str:
        share = ((epoch - 1) * self.steps + step) / (self.epochs * self.steps)
        filled = round(20 * share)
        left = (now - self.start) * (1 - share) / share
        return (
            f"epoch {epoch}/{self.epochs} [{'#' * filled}{'.' * (20 - filled)}] "
            f"step {step}/{self.steps}, loss {loss:.4g}, {left:.0f} s left"
        )


class Notebook(Progress):
    """One display that is replaced in place, in JupyterLab, Colab and other front ends."""

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__(epochs, steps)
        self.display_id = uuid.uuid4().hex
        self._show("Training starts.", update=False)

    def live(self, line: str, history: History) -> None:
        table = history.table() + "\n" if history.epochs else ""
        self._show(table + line)

    def close(self, history: History) -> None:
        self._show(history.table())

    def _show(self, text: str, update: bool = True) -> None:
        from IPython.display import display

        display({"text/plain": text}, raw=True, display_id=self.display_id, update=update)


class Terminal(Progress):
    """One line that is rewritten in place, then the table."""

    def live(self, line: str, history: History) -> None:
        width = shutil.get_terminal_size().columns - 1  # a wrapped line could not be rewritten
        sys.stdout.write(f"\r\x1b[K{line[:width]}")
        sys.stdout.flush()

    def close(self, history: History) -> None:
        print("\r\x1b[K" + history.table(), flush=True)


class Log(Progress):
    """For a file or a CI log: a few whole lines."""

    def epoch_done(self, history: History) -> None:
        every = -(-self.epochs // LINES_IN_A_LOG)
        if history.epochs % every == 0 and history.epochs < self.epochs:
            last = ", ".join(f"{name} {value:.4g}" for name, value in history.last.items())
            print(f"epoch {history.epochs}/{self.epochs}: {last}", flush=True)

    def close(self, history: History) -> None:
        print(history.table(rows=LINES_IN_A_LOG), flush=True)


def make_progress(show: bool, epochs: int, steps: int) -> Progress:
    """The display that suits where the program runs; one that shows nothing if not `show`."""
    if not show:
        return Progress(epochs, steps)
    if _in_notebook():
        return Notebook(epochs, steps)
    return (Terminal if sys.stdout.isatty() else Log)(epochs, steps)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this (an IPython terminal has no kernel)."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None
