"""Which exercises are solved: one readable file on the learner's own machine.

Two notebooks may write at once, a disk may damage the file, a newer version may have written it.
So it is changed under a lock, replaced as a whole, set aside where it cannot be read, and left
alone where it is newer than this code.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

VERSION = 1


def path() -> Path:
    """The file: ``COURSE_PROGRESS``, or one in the user's folder for such data."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("deep-learning-you-can-run", appauthor=False))
    return Path(os.environ.get("COURSE_PROGRESS") or folder / "progress.json")


def report() -> None:
    """Print what is solved, by chapter and topic."""
    from utils.exercises.spec import chapters

    done, trouble = solved()
    if trouble:
        print(trouble)
    for chapter, exercises in chapters().items():
        print(f"{chapter}: {sum(i in done for i in exercises)} of {len(exercises)} solved")
        for topic in dict.fromkeys(i.split(".")[0] for i in exercises):
            names = [i for i in exercises if i.split(".")[0] == topic]
            listed = ", ".join(f"{'✓' if i in done else '○'} {i.split('.')[1]}" for i in names)
            print(f"  {topic}: {listed}")
    print(f"Kept in {path()}, and nowhere else.")


def solved() -> tuple[dict[str, Any], str]:
    """What is solved, with the day; and what is wrong with the file, or an empty text."""
    try:
        return _read(path())["solved"], ""
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError) as error:
        return {}, f"{path()} cannot be read ({error}); the next solved exercise sets it aside."


def note(name: str, status: str) -> str:
    """Note a solved exercise; returns what a reader should know, usually an empty text."""
    import filelock

    if status != "correct":
        return ""
    file, aside = path(), ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{file}.lock", timeout=5):
            try:
                content = _read(file)
            except FileNotFoundError:
                content = {"version": VERSION, "solved": {}}
            except ValueError as error:
                kept = file.with_name(f"{file.stem}-unreadable-{time.time_ns()}.json")
                os.replace(file, kept)
                aside = f"Your progress file could not be read ({error}); it is now {kept}."
                content = {"version": VERSION, "solved": {}}
            if content["version"] > VERSION:
                return f"Not noted: {file} is of a newer version of this course."
            if name not in content["solved"]:
                content["solved"][name] = time.strftime("%Y-%m-%d")
                fresh = file.with_name(f"{file.name}.{os.getpid()}.part")
                with fresh.open("w", encoding="utf-8") as out:
                    json.dump(content, out, indent=2)
                    out.flush()
                    os.fsync(out.fileno())  # on the disk before it takes the old file's place
                os.replace(fresh, file)
    except (OSError, filelock.Timeout) as error:
        return f"Your progress could not be noted in {file}: {error}"
    return aside


def _read(file: Path) -> dict[str, Any]:
    """The file's content; ValueError where it is damaged."""
    content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise ValueError("it has no version")
    if not isinstance(content.get("solved"), dict):
        raise ValueError("it has no list of solved exercises")
    return content
