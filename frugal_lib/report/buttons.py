"""A Sphinx extension: the buttons that lead to the project's repository, only where there is one to lead to.

One setting in `_config.yml` decides, `repository_is_public`.
"""

from __future__ import annotations

from typing import Any

OFF = {"use_repository_button": False, "use_issues_button": False, "use_edit_page_button": False, "launch_buttons": {}}


def decide(app: Any, config: Any) -> None:
    """Take the buttons off the theme's options while the repository is not public."""
    if not config.repository_is_public:
        config.html_theme_options |= OFF


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls."""
    app.add_config_value("repository_is_public", False, "html", [bool])
    app.connect("config-inited", decide)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
