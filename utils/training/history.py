"""What `fit` returns: numbers per epoch, and how the run ended."""

from collections.abc import Iterator, Mapping


class History(Mapping[str, list[float]]):
    """The numbers of a training run, one list per name and one value per epoch.

    `history["train_loss"]` is the mean loss over the rows of the epoch, measured while the weights
    moved; `history["val_loss"]` and `history["val_<metric>"]` are measured at its end, on all
    validation rows; `history["lr"]` is the learning rate of its last step.

    Attributes:
        stopped: how the run ended: "finished", "early" (no better loss for `patience` epochs),
            "interrupted" (Ctrl-C), "failed" (the loss was not finite), or "running".
        notes: remarks for the reader, for example that `amp` did nothing on this device.
    """

    def __init__(self, columns: Mapping[str, list[float]] | None = None) -> None:
        self._epochs: list[dict[str, float]] = []
        self._best: int | None = None
        self.stopped = "running"
        self.notes: list[str] = []
        for values in zip(*(columns or {}).values(), strict=True):
            self.append(dict(zip(columns or {}, values, strict=True)))

    def __getitem__(self, name: str) -> list[float]:
        if name not in self.last:
            raise KeyError(f"{name!r} was not recorded; there are: {', '.join(self)}")
        return [record[name] for record in self._epochs]

    def __iter__(self) -> Iterator[str]:
        return iter(self.last)

    def __len__(self) -> int:
        return len(self.last)

    @property
    def epochs(self) -> int:
        """Number of complete epochs."""
        return len(self._epochs)

    @property
    def last(self) -> Mapping[str, float]:
        """The numbers of the last complete epoch; empty before the first."""
        return self._epochs[-1] if self._epochs else {}

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the lowest monitored loss, counted from 1; None before the first."""
        return self._best

    def improves(self, record: Mapping[str, float]) -> bool:
        """Whether an epoch with these numbers would be the best so far."""
        return self._best is None or monitored(record) < monitored(self._epochs[self._best - 1])

    def append(self, record: Mapping[str, float]) -> None:
        """Add the numbers of one more epoch."""
        best = self.epochs + 1 if self.improves(record) else self._best
        self._epochs.append({name: float(value) for name, value in record.items()})
        self._best = best

    def table(self, rows: int = 12) -> str:
        """The numbers as text, in at most `rows` lines and a closing sentence, without times."""
        return "\n".join([*self._lines(rows), *self.notes, self._summary()])

    __repr__ = table

    def _lines(self, rows: int) -> list[str]:
        if not self.epochs:
            return []
        shown = {1, self.epochs, self.best_epoch}
        shown |= {round(1 + i * (self.epochs - 1) / max(1, rows - 2)) for i in range(rows - 1)}
        width = {name: max(9, len(name)) for name in self}
        lines = ["epoch  " + "  ".join(name.rjust(width[name]) for name in self)]
        for epoch in sorted(shown):
            record = self._epochs[epoch - 1]
            cells = (f"{value:.4g}".rjust(width[name]) for name, value in record.items())
            mark = "  best" if epoch == self.best_epoch else ""
            lines.append(f"{epoch:5d}  " + "  ".join(cells) + mark)
        return lines

    def _summary(self) -> str:
        count = f"{self.epochs} epoch" + ("s" if self.epochs != 1 else "")
        return {
            "finished": f"Finished after {count}.",
            "early": f"Stopped early after {count}; the weights are those of epoch "
            f"{self.best_epoch}.",
            "interrupted": f"Interrupted after {count}; "
            + (
                f"the weights are those of epoch {self.best_epoch}."
                if self.epochs
                else "the weights are those of the moment."
            ),
            "failed": f"The loss was not finite after {count}.",
            "running": f"{count} so far.",
        }[self.stopped]


def monitored(record: Mapping[str, float]) -> float:
    """The loss that decides which epoch was best: of validation where there is one."""
    return record["val_loss"] if "val_loss" in record else record["train_loss"]
