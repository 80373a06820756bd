"""Copy the third-party files of the website out of npm packages into the repository.

The copies are committed, so a reader never needs node. Run this (`make vendor`) only to change a
version: edit package.json, run `npm install --package-lock-only`, then this. `npm ci` refuses a
package whose checksum is not the one in package-lock.json.

Two things are changed on the way. The fonts of MathJax lose the characters that no page of such a
book uses and their hints, which saves a quarter of their size on a reader's first load; as their
license asks of a changed font, they get a name of their own. And MathJax is told that name.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "extensions" / "course" / "assets" / "vendor"

SERIF = ["400-normal", "400-italic", "600-normal"]
EXTENSIONS = "bbox boldsymbol cancel color enclose mathtools textcomp upgreek verb".split()
FONTS = (
    "AMS-Regular Calligraphic-Bold Calligraphic-Regular Fraktur-Bold Fraktur-Regular Main-Bold "
    "Main-Italic Main-Regular Math-BoldItalic Math-Italic Math-Regular SansSerif-Bold "
    "SansSerif-Italic SansSerif-Regular Script-Regular Size1-Regular Size2-Regular Size3-Regular "
    "Size4-Regular Typewriter-Regular Vector-Bold Vector-Regular Zero"
).split()
FONT_FOLDER = "output/chtml/fonts"
# target folder -> (package, folder in the package, files)
FILES: dict[str, tuple[str, str, list[str]]] = {
    "mathjax": (
        "mathjax",
        "es5",
        ["startup.js", "core.js", "input/tex.js", "a11y/assistive-mml.js", "output/chtml.js"]
        + [f"{FONT_FOLDER}/tex.js"]
        + [f"input/tex/extensions/{name}.js" for name in EXTENSIONS]
        + [f"{FONT_FOLDER}/woff-v2/MathJax_{name}.woff" for name in FONTS],
    ),
    "mathjax/license": ("mathjax", ".", ["LICENSE"]),
    "fonts": (
        "@fontsource/source-serif-4",
        "files",
        [f"source-serif-4-latin-{style}.woff2" for style in SERIF],
    ),
    "fonts/license": ("@fontsource/source-serif-4", ".", ["LICENSE"]),
}
# What is kept of the mathematics fonts: first and last code of each range. Dropped are the symbols
# of mathematical logic and order theory that the TeX fonts have by the hundred.
KEPT = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x131, 0x131), (0x237, 0x237), (0x2C6, 0x2DC), (0x300, 0x338),
    (0x391, 0x3F6), (0x2002, 0x2057), (0x20D7, 0x20D7), (0x210F, 0x2135), (0x2190, 0x21D5),
    (0x2200, 0x2237), (0x223C, 0x2265), (0x226A, 0x226B), (0x2282, 0x228B), (0x2295, 0x22A5),
    (0x22A8, 0x22A8), (0x22C0, 0x22C6), (0x22EE, 0x22F1), (0x2308, 0x230B), (0x2322, 0x2323),
    (0x239B, 0x23B3), (0x23B7, 0x23B7), (0x23D0, 0x23E1),
    (0x25A0, 0x25EF), (0x2660, 0x266F), (0x2713, 0x2713), (0x27E8, 0x27E9), (0x27F5, 0x27FC),
    (0x2A00, 0x2A06), (0x2A7D, 0x2A7E), (0x2AAF, 0x2AB0), (0xE000, 0xF8FF),
]  # fmt: skip
OURS = "CourseMath_"  # in place of MathJax_, a name that the fonts' license reserves


def copy(modules: Path, target: Path) -> int:
    """Copy FILES from `modules` (a node_modules folder) to `target`; return how many there are."""
    shutil.rmtree(target, ignore_errors=True)
    count = 0
    for folder, (package, inside, names) in FILES.items():
        for name in names:
            source, goal = modules / package / inside / name, target / folder / name
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, goal)
            count += 1
    return count


def shrink(path: Path) -> None:
    """Replace a MathJax font by one of our name with the characters of KEPT."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options(hinting=False, flavor="woff", notdef_outline=True)
    options.drop_tables += ["FFTM", "GDEF", "GSUB", "GPOS", "kern"]
    options.name_IDs = [0, 1, 2, 4, 6, 13, 14]
    font = TTFont(path, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for first, last in KEPT for code in range(first, last + 1)])
    subsetter.subset(font)
    name = path.stem.replace("MathJax_", OURS)
    for record in font["name"].names:
        if record.nameID in (1, 4, 6):
            record.string = name
    if "CFF " in font:
        table = font["CFF "].cff
        table.fontNames = [name]
        top = table.topDictIndex[0]
        for key in ("FullName", "FamilyName"):
            if hasattr(top, key):
                setattr(top, key, name)
    font.flavor = "woff"
    font.save(path.with_name(f"{name}.woff"))
    path.unlink()


def main() -> int:
    """Install the locked packages into a temporary folder, copy from there, shrink the fonts."""
    npm = shutil.which("npm")
    if npm is None:
        print("vendor: npm is needed to change a vendored file: https://nodejs.org")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / name, folder)
        subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit"], cwd=folder, check=True)
        count = copy(Path(folder) / "node_modules", TARGET)
    fonts = TARGET / "mathjax" / FONT_FOLDER
    for path in sorted(fonts.glob("woff-v2/MathJax_*.woff")):
        shrink(path)
    for script in (fonts / "tex.js", TARGET / "mathjax" / "output" / "chtml.js"):
        text = script.read_text(encoding="utf-8")
        script.write_text(text.replace("%%URL%%/MathJax_", f"%%URL%%/{OURS}"), encoding="utf-8")
    print(f"vendor: {count} files in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
