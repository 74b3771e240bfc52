"""Buttons to the repository: one setting decides."""

from types import SimpleNamespace

import yaml
from fakes.project import ROOT

from frugal_lib.report import buttons


def test_the_setting_decides_and_is_off_in_the_project():
    for public in (True, False):
        options = {"use_repository_button": True, "launch_buttons": {"colab_url": "https://colab"}, "other": 1}
        config = SimpleNamespace(repository_is_public=public, html_theme_options=dict(options))
        buttons.decide(None, config)
        assert (config.html_theme_options == options) is public
        assert config.html_theme_options["other"] == 1 and bool(config.html_theme_options["launch_buttons"]) is public
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    assert settings["repository_is_public"] is False and "frugal_lib.report.buttons" in settings["extensions"]
