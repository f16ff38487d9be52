"""Write docs/report.png, the picture of the README: the first screen of a report, taken by headless Chromium.

lifelong-lb run benchmarks/studies/class-incremental-digits.yaml --out results/class-incremental-digits
python benchmarks/report_picture.py results/class-incremental-digits
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PICTURE = Path(__file__).parents[1] / "docs" / "report.png"


def main(folder: str) -> None:
    """Take the picture."""
    browser = next(path for path in map(shutil.which, NAMES) if path)
    page = (Path(folder) / "report.html").resolve(strict=True)
    with tempfile.TemporaryDirectory() as profile:
        options = [f"--user-data-dir={profile}", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        size = ["--window-size=1400,1000", "--virtual-time-budget=8000", f"--screenshot={PICTURE}"]
        subprocess.run([browser, *options, *size, page.as_uri()], check=True, capture_output=True)
    print(PICTURE)


if __name__ == "__main__":
    main(*sys.argv[1:])
