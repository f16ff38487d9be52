"""Reference of the Python API: the public names of a package, for autodoc."""

import inspect
import sys
from importlib import import_module

from sphinx.pycode import ModuleAnalyzer

from lifelong_docs.docstrings import protected, restored
from lifelong_docs.markdown import inline, table

ROOT = "lifelong_lb"


def api(module: str) -> str:
    """Describe all public names of a package.

    Args:
        module: e.g. ``lifelong_lb.optim``.

    Returns:
        Markdown: a table of the names, and autodoc's directives. Names that the main package has too are described
        there.
    """
    package, root = import_module(module), import_module(ROOT)
    rows, directives = [], []
    for name in sorted(package.__all__, key=str.lower):
        value = getattr(package, name)
        home = ROOT if module != ROOT and name in root.__all__ and getattr(root, name) is value else module
        kind = _kind(value)
        about = constant_docstring(module, name) if kind == "data" else inspect.getdoc(value) or ""
        role = {"function": "func", "exception": "exc"}.get(kind, kind)
        rows.append([f"{{py:{role}}}`~{home}.{name}`", inline(about.split("\n\n")[0])])
        if home != module:
            continue
        if kind == "data":
            directives += [f".. py:data:: {module}.{name}", "", *(f"   {line}" for line in _plain(about)), ""]
        else:
            directives += [f".. auto{kind}:: {module}.{name}", *["   :members:"] * (kind != "function"), ""]
    return "\n".join([table(["name", "description"], rows), "", "```{eval-rst}", *directives, "```"])


def _kind(value: object) -> str:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "data"


def _plain(docstring: str) -> list[str]:
    return restored(protected(inspect.cleandoc(docstring).splitlines(), value=True))


def constant_docstring(package: str, name: str) -> str:
    """Docstring below a constant, in the module of a package that defines it.

    Args:
        package: the package.
        name: the constant.

    Returns:
        The docstring, empty without one.
    """
    modules = [each for each in sys.modules if each == package or each.startswith(f"{package}.")]
    for module in sorted(modules, key=len):
        found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
        if found:
            return "\n".join(found).strip()
    return ""
