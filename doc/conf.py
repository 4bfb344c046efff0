"""Sphinx configuration; `make doc` builds with warnings as errors and needs no network."""

import re
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes

project = "skunlearn"
author = "skunlearn developers"
copyright = f"2026, {author}"
version = release = installed_version(project)

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build"]
root_doc = "index"

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

# Only what a class here adds to scikit-learn's is listed with it; scikit-learn documents the rest.
autosummary_generate = True
autodoc_default_options = {"members": True, "show-inheritance": True}
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": str(Path(__file__).parents[1] / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "show_memory": False,
    "download_all_examples": False,
}
# sphinx-gallery shows figures itself; plt.show() has no window to open here.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

html_theme = "pydata_sphinx_theme"
html_title = f"skunlearn {release}"

# What scikit-learn's inherited docstrings refer to in its own pages. A table, so that no inventory
# has to be fetched and a reference that is in neither place is still an error.
SCIKIT_LEARN = "https://scikit-learn.org/stable/"
SCIKIT_LEARN_LABELS = {
    "accuracy_score": "modules/model_evaluation.html#accuracy-score",
    "metadata_routing": "metadata_routing.html",
    "r2_score": "modules/model_evaluation.html#r2-score",
}


def _link_to_scikit_learn(app, env, node, content):
    target = node.get("reftarget")
    if node.get("reftype") == "term":  # there is no glossary of our own
        page = f"glossary.html#term-{re.sub(r'[^0-9A-Za-z]+', '-', target)}"
    elif node.get("reftype") == "ref" and target.lower() in SCIKIT_LEARN_LABELS:
        page = SCIKIT_LEARN_LABELS[target.lower()]
    else:
        return None
    return nodes.reference("", "", content, internal=False, refuri=SCIKIT_LEARN + page)


def _skip_member(app, what, name, obj, skip, options):
    # scikit-learn makes set_fit_request and its like for every subclass: nothing of ours.
    return True if re.fullmatch(r"set_\w+_request", name) else None  # None: as it would be anyway


def _own_attributes(app, what, name, obj, options, lines):
    # numpydoc links an attribute that is a property by its bare name, which many classes have
    if what == "class":
        own = rf":obj:`\1 <{name}.\1>`"
        lines[:] = [re.sub(r":obj:`(\w+) <\.\1>`", own, line) for line in lines]


def setup(app):
    app.connect("missing-reference", _link_to_scikit_learn)
    app.connect("autodoc-skip-member", _skip_member)
    app.connect("autodoc-process-docstring", _own_attributes, priority=900)  # after numpydoc
