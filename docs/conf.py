"""Settings of the documentation: Sphinx with MyST. `make docs` builds it into build/docs."""

import logging
import sys
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]

warnings.filterwarnings("ignore", "no QP solver found")  # shown when avalanche is imported

from lifelong_lb import __version__  # noqa: E402

project = "lifelong_lb"
author = "The lifelong_lb developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "lifelong_docs.docstrings",
    "lifelong_docs.gallery",
    "lifelong_docs.mathml",
    "lifelong_docs.notebooks",
    "lifelong_docs.pages",
]
exclude_patterns = ["_ext"]
show_warning_types = True

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"
smartquotes = False

autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
html_math_renderer = "mathml"

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_copy_source = html_show_sourcelink = False

# Patterns of the contents order pages that need not exist.
logging.getLogger("sphinx.sphinx.directives.other").addFilter(lambda record: "toctree glob" not in str(record.msg))
