"""Write the pictures of a report in the README and docs/start/, taken by headless Chromium.

lifelong-lb run benchmarks/studies/class-incremental-digits.yaml --out results/class-incremental-digits
python benchmarks/report_picture.py results/class-incremental-digits
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOCS = Path(__file__).parents[1] / "docs"
PICTURES = {
    "report.png": ("", "1400,1000"),
    "start/report-explore.png": ("explore", "1000,800"),
    "start/report-compared.png": ("compared", "1000,520"),
}
"""File below docs/ to the section that it shows (all of them if empty), and the size of the window."""
ALONE = "<style>header, main > :not([aria-labelledby={section}]) {{ display: none }}</style></head>"


def main(folder: str) -> None:
    """Take the pictures."""
    browser = next(path for path in map(shutil.which, NAMES) if path)
    text = (Path(folder) / "report.html").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        options = [f"--user-data-dir={profile}", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        page = Path(profile) / "report.html"
        for name, (section, size) in PICTURES.items():
            page.write_text(
                text.replace("</head>", ALONE.format(section=section), 1) if section else text, encoding="utf-8"
            )
            more = [f"--window-size={size}", "--virtual-time-budget=8000", f"--screenshot={DOCS / name}"]
            subprocess.run([browser, *options, *more, page.as_uri()], check=True, capture_output=True)
            print(DOCS / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
