"""Settings of the documentation: Sphinx with MyST. `make docs` builds it into build/docs."""

import logging
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

from lifelong_lb import __version__  # noqa: E402

project = "lifelong_lb"
author = "The lifelong_lb developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_design", "notebooks"]
exclude_patterns = ["_ext"]
show_warning_types = True

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_copy_source = html_show_sourcelink = False

# Patterns of the contents order pages that need not exist.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(lambda record: "toctree glob" not in str(record.msg))
