"""How the site is built: `python -m sphinx -W -b html docs site`."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("COLUMNS", "100")  # width of what examples print

from featx._version import __version__

project = "featx"
author = "featx maintainers"
copyright = "featx maintainers, BSD 3-Clause"
version = release = __version__

extensions = [
    "generated_reference",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["templates"]
exclude_patterns = ["reference/generated_*"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
myst_fence_as_directive = []
suppress_warnings = ["config.cache"]  # the gallery's settings hold a class

autosummary_generate = True
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator,TransformerMixin,ClassifierMixin,dict,tuple",
    "exclude-members": "get_metadata_routing, set_output, set_fit_request, "
    "set_score_request, set_transform_request, set_inverse_transform_request",
}
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "within_subsection_order": "generated_reference.ReadingOrder",
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "min_reported_time": 1,
    "plot_gallery": "True",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
}

html_title = "featx"
html_theme = "pydata_sphinx_theme"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {
    name: [] for name in ("install", "tutorial", "reading")
}  # single pages
html_theme_options = {
    "github_url": "https://github.com/featx/featx",
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
linkcheck_ignore = [r"http://127\.0\.0\.1.*", r"https://github\.com/featx/.*"]
